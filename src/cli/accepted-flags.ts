/** Flags that scripts written for Nomad may carry, that change nothing here: taken, and told so, rather than refused. nomad.md §4.3. */
import type { Context } from "./command.ts";
import type { FlagTable } from "./flags.ts";

/** Nomad Enterprise's. */
export const ENTERPRISE_FLAGS: FlagTable = {
  "policy-override": { kind: "boolean", about: "Taken, without effect: there are no Sentinel policies (Nomad Enterprise) to override" },
  "consul-namespace": { kind: "text", value: "namespace", about: "Taken, without effect: Consul Enterprise's" },
  "vault-namespace": { kind: "text", value: "namespace", about: "Taken, without effect: Vault Enterprise's" },
};

/** A warning a flag given. */
export function tellEnterprise(context: Context): void {
  for (const name of Object.keys(ENTERPRISE_FLAGS)) {
    const wanted = Object.hasOwn(ENTERPRISE_FLAGS, name) && context.flags.given(name) && context.flags.text(name) !== "false";
    if (wanted) context.terminal.complain(`Warning: -${name} has no effect: it belongs to an Enterprise feature Drover does not have`);
  }
}

export const UI_FLAG: FlagTable = { ui: { kind: "boolean", about: "Open it in a browser (comes with the web UI)" } };

export function tellNoUi(context: Context): void {
  if (context.flags.flag("ui")) context.terminal.complain("Warning: -ui has no effect: this version of Drover has no web UI yet");
}
