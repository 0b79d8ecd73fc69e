/** Flags of Nomad's that a command here does not take, and why: "later: …" with what brings them, or "never: …". */
const WEB_UI = "later: The web UI";

export const ABSENT_FLAGS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "job validate": { "vault-namespace": "never: Vault Enterprise's" },
  "eval status": { ui: WEB_UI },
  "node status": { ui: WEB_UI },
  "operator snapshot save": { redact: "never: root keys stand in it sealed by the keystore, which is not in it" },
  "operator debug": { "event-index": "never: events are kept for a hundred entries only, the bundle takes all from now on" },
};
