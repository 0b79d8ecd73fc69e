/** Volumes a group claims and a task mounts. nomad.md §1.5. */
import Type, { type Static } from "typebox";
import { block, flag, text, texts, duration } from "./field.ts";

export const MountOptions = Type.Object({
  FSType: text({ hcl: "fs_type" }),
  MountFlags: texts({ hcl: "mount_flags" }),
});

export const VolumeRequest = Type.Object({
  Name: text(),
  Type: text({ hcl: "type" }),
  Source: text({ hcl: "source" }),
  ReadOnly: flag({ hcl: "read_only" }),
  Sticky: flag({ hcl: "sticky" }),
  AccessMode: text({ hcl: "access_mode" }),
  AttachmentMode: text({ hcl: "attachment_mode" }),
  MountOptions: block(MountOptions, { hcl: "mount_options" }),
  PerAlloc: flag({ hcl: "per_alloc" }),
});
export type VolumeRequest = Static<typeof VolumeRequest>;

export const VolumeMount = Type.Object({
  Volume: text({ hcl: "volume" }),
  Destination: text({ hcl: "destination" }),
  ReadOnly: flag({ hcl: "read_only" }),
  PropagationMode: text({ hcl: "propagation_mode", default: "private" }),
  SELinuxLabel: text({ hcl: "selinux_label" }),
});
export type VolumeMount = Static<typeof VolumeMount>;

export const CsiPlugin = Type.Object({
  ID: text({ hcl: "id" }),
  Type: text({ hcl: "type" }),
  MountDir: text({ hcl: "mount_dir", default: "/csi" }),
  StagePublishBaseDir: text({ hcl: "stage_publish_base_dir", default: "/local/csi" }),
  HealthTimeout: duration({ hcl: "health_timeout", default: 30_000_000_000 }),
});
