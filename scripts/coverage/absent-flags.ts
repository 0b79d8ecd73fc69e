/** Flags of Nomad's that a command here does not take, and why: "later: …" with what brings them, or "never: …". */
const WEB_UI = "later: The web UI";
const STACK = "later: KV and secrets in templates: there is no Consul or Vault to ask";

export const ABSENT_FLAGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "job validate": { "vault-namespace": "never: Vault Enterprise's" },
  "eval status": { ui: WEB_UI },
  "node status": { ui: WEB_UI },
  "operator snapshot save": { redact: "later: Services and identity: there are no keys in the state to leave out" },
  "operator debug": {
    "event-index": "never: events are kept for a hundred entries only, the bundle takes all from now on",
    "consul-http-addr": STACK,
    "consul-token": STACK,
    "vault-address": STACK,
    "vault-token": STACK,
  },
};
