/**
 * Vault, or OpenBao (its API): workloads' tokens, the secrets their templates look at, what the node says of it, and how it is prepared.
 *
 * Comes in: one connection (vaultConnection: `vault { … }` of the configuration). Goes out: makers of ports, plain functions.
 *
 * Invariants: the agent itself has no token: everything is asked with a workload's own, but logins and health, which need none, and `setup
 * vault`, which is given one by a person. A failure is a named error that tells "later" from "never"; no token, identity or secret stands
 * in an error or a log; nothing is tried twice in here.
 *
 * Never here: when to log in, renew, read again or revoke (the client's rooms decide); who may see what was read.
 *
 * Read next: connection.ts (the package, over direct.ts, which carries its requests), path.ts and reading.ts (pure), things.ts, setup.ts.
 */
export { vaultConnection, type VaultAddress, type VaultConnection } from "./connection.ts";
export { vaultTokens, type VaultTokensOptions } from "./tokens.ts";
export { vaultThings, type VaultThingsOptions } from "./things.ts";
export { vaultFingerprint } from "./fingerprint.ts";
export { checkVault, setUpVault, tearDownVault, vaultSnippet, VAULT_AUDIENCE, type VaultSetup, type VaultSetupStep } from "./setup.ts";
