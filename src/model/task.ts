/** A task: one process (or container) of a group. nomad.md §1.8. */
import Type, { type Static } from "typebox";
import { block, blocks, duration, flag, freeMap, labelled, text, textMap } from "./field.ts";
import { affinities, constraints } from "./placement.ts";
import { DispatchPayload, Lifecycle, LogConfig, RestartPolicy, Scaling } from "./policy.ts";
import { Resources } from "./resources.ts";
import { services } from "./service.ts";
import { Action, Artifact, Consul, Identity, Schedule, Secret, Template, Vault } from "./template.ts";
import { CsiPlugin, VolumeMount } from "./volume.ts";

export const Task = Type.Object({
  Name: text(),
  Driver: text({ hcl: "driver", change: "destroy" }),
  User: text({ hcl: "user", change: "destroy" }),
  Lifecycle: block(Lifecycle, { hcl: "lifecycle", change: "destroy" }),
  Config: freeMap({ hcl: "config", change: "destroy" }),
  Constraints: constraints(),
  Affinities: affinities(),
  Env: textMap({ hcl: "env", change: "destroy" }),
  Services: services(),
  Resources: block(Resources, { hcl: "resources" }),
  RestartPolicy: block(RestartPolicy, { hcl: "restart" }),
  Meta: textMap({ hcl: "meta", change: "destroy" }),
  KillTimeout: duration({ hcl: "kill_timeout", default: 5_000_000_000 }),
  LogConfig: block(LogConfig, { hcl: "logs" }),
  Artifacts: blocks(Artifact, { hcl: "artifact", change: "destroy" }),
  Vault: block(Vault, { hcl: "vault", change: "destroy" }),
  Consul: block(Consul, { hcl: "consul", change: "destroy" }),
  Templates: blocks(Template, { hcl: "template", change: "destroy" }),
  DispatchPayload: block(DispatchPayload, { hcl: "dispatch_payload" }),
  VolumeMounts: blocks(VolumeMount, { hcl: "volume_mount", change: "destroy" }),
  CSIPluginConfig: block(CsiPlugin, { hcl: "csi_plugin", change: "destroy" }),
  Leader: flag({ hcl: "leader" }),
  ShutdownDelay: duration({ hcl: "shutdown_delay" }),
  KillSignal: text({ hcl: "kill_signal" }),
  Kind: text({ hcl: "kind" }),
  ScalingPolicies: labelled(Scaling, { hcl: "scaling", label: "Type" }),
  /** The default identity; a decoded `identity` block without a name (or named "default") lands here. */
  Identity: block(Identity, { change: "destroy" }),
  Identities: labelled(Identity, { hcl: "identity", label: "Name", change: "destroy" }),
  Actions: labelled(Action, { hcl: "action", label: "Name" }),
  Schedule: block(Schedule, { hcl: "schedule" }),
  Secrets: labelled(Secret, { hcl: "secret", label: "Name", change: "destroy" }),
});
export type Task = Static<typeof Task>;
