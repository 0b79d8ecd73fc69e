/** A group: tasks that live and die together on one machine. nomad.md §1.3. */
import Type, { type Static } from "typebox";
import { block, blocks, labelled, labelledMap, maybeDuration, maybeFlag, maybeWhole, text, textMap } from "./field.ts";
import { Network } from "./network.ts";
import { affinities, constraints, spreads } from "./placement.ts";
import {
  DisconnectStrategy,
  EphemeralDisk,
  MaxRunDuration,
  MigrateStrategy,
  ReschedulePolicy,
  RestartPolicy,
  Scaling,
  UpdateStrategy,
} from "./policy.ts";
import { services } from "./service.ts";
import { Task } from "./task.ts";
import { Consul } from "./template.ts";
import { VolumeRequest } from "./volume.ts";

export const TaskGroup = Type.Object({
  Name: text(),
  Count: maybeWhole({ hcl: "count" }),
  Constraints: constraints(),
  Affinities: affinities(),
  Spreads: spreads(),
  Tasks: labelled(Task, { hcl: "task", label: "Name" }),
  Networks: blocks(Network, { hcl: "network" }),
  Services: services(),
  Volumes: labelledMap(VolumeRequest, { hcl: "volume", label: "Name", change: "destroy" }),
  RestartPolicy: block(RestartPolicy, { hcl: "restart" }),
  ReschedulePolicy: block(ReschedulePolicy, { hcl: "reschedule" }),
  Disconnect: block(DisconnectStrategy, { hcl: "disconnect" }),
  EphemeralDisk: block(EphemeralDisk, { hcl: "ephemeral_disk" }),
  Update: block(UpdateStrategy, { hcl: "update" }),
  Migrate: block(MigrateStrategy, { hcl: "migrate" }),
  Meta: textMap({ hcl: "meta", change: "destroy" }),
  ShutdownDelay: maybeDuration({ hcl: "shutdown_delay" }),
  StopAfterClientDisconnect: maybeDuration({ hcl: "stop_after_client_disconnect" }),
  MaxClientDisconnect: maybeDuration({ hcl: "max_client_disconnect" }),
  PreventRescheduleOnLost: maybeFlag({ hcl: "prevent_reschedule_on_lost" }),
  Scaling: block(Scaling, { hcl: "scaling" }),
  Consul: block(Consul, { hcl: "consul", change: "destroy" }),
  MaxRunDuration: MaxRunDuration(),
});
export type TaskGroup = Static<typeof TaskGroup>;
