/** The devices the task holds, made known to it. Whoever makes them says how. */
import { NamedError } from "#std";
import type { Step } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";
import { addVariables } from "../place-secret.ts";

export const devices: Step<ExecutionContext> = {
  name: "devices",
  enter: async (context) => {
    const { world } = context;
    const held = context.allocation().AllocatedResources.Tasks[context.task().Name]?.Devices ?? [];
    if (held.length === 0) return;
    const added: Record<string, string> = {};
    const left = new Set(held.flatMap((each) => each.DeviceIDs));
    for (const maker of world.devices) {
      const here = new Set((await maker.fingerprint()).flatMap((group) => group.Instances.map((instance) => instance.ID)));
      const ids = [...left].filter((id) => here.has(id));
      if (ids.length === 0) continue;
      for (const id of ids) left.delete(id);
      Object.assign(added, (await maker.reserve(ids)).environment);
    }
    if (left.size > 0) {
      throw new NamedError("DEVICE_UNKNOWN", `Cannot reserve device "${[...left].join(", ")}": this node does not have it any more`);
    }
    addVariables(context, added);
  },
};
