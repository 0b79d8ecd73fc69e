/** The failures this room answers with. Codes are stable; messages are what a person reads in the CLI. */
import { NamedError } from "#std";
import type { Outcome } from "#state";

export function jobNotFound(id: string): NamedError {
  return new NamedError("JOB_NOT_FOUND", `job not found: "${id}"`, { statusCode: 404 });
}

export function allocationNotFound(id: string): NamedError {
  return new NamedError("ALLOCATION_NOT_FOUND", `alloc not found: "${id}"`, { statusCode: 404 });
}

export function nodeNotFound(id: string): NamedError {
  return new NamedError("NODE_NOT_FOUND", `node not found: "${id}"`, { statusCode: 404 });
}

export function evaluationNotFound(id: string): NamedError {
  return new NamedError("EVALUATION_NOT_FOUND", `eval not found: "${id}"`, { statusCode: 404 });
}

export function badRequest(message: string): NamedError {
  return new NamedError("REQUEST_INVALID", message, { statusCode: 400 });
}

/** What existing clients look for to tell a lost race from a failure: "Enforcing job modify index N: …". nomad.md §3.2. */
export function jobIndexConflict(wanted: number, actual: number | undefined): NamedError {
  const why =
    actual === undefined
      ? "job does not exist"
      : wanted === 0
        ? "job already exists"
        : `job exists with conflicting job modify index: ${actual}`;
  return new NamedError("JOB_INDEX_CONFLICT", `Enforcing job modify index ${wanted}: ${why}`, {
    statusCode: 409,
    fix: "Run `drover job plan` again and use the Job Modify Index it prints.",
  });
}

export function registrationClosed(): NamedError {
  return new NamedError("JOB_REGISTRATION_CLOSED", "job registration, dispatch, and scale are disabled by the scheduler configuration", {
    statusCode: 403,
    fix: "Set RejectJobRegistration to false with `drover operator scheduler set-config`.",
  });
}

export function nodeNotConnected(id: string): NamedError {
  return new NamedError("NODE_NOT_CONNECTED", `No path to node: "${id}" is not connected to this server`, {
    statusCode: 404,
    fix: "Check that the node's agent runs: `drover node status`.",
  });
}

export function linkRefused(message: string, fix?: string): NamedError {
  return new NamedError("LINK_REFUSED", message, { statusCode: 403, ...(fix === undefined ? {} : { fix }) });
}

export function linkUnsupported(call: string): NamedError {
  return new NamedError("LINK_UNSUPPORTED", `Cannot answer ${JSON.stringify(call)}: this server does not support it`, { statusCode: 501 });
}

export function turnForeign(allocationId: string, nodeId: string): NamedError {
  return new NamedError("TURN_FOREIGN", `Cannot take a restart turn for allocation "${allocationId}": it is not on node "${nodeId}"`, {
    statusCode: 403,
  });
}

export function sealedForeign(jobId: string, path: string, cause: unknown): NamedError {
  return new NamedError("SEALED_FOREIGN", `Cannot take job "${jobId}": the sealed value in ${path} is not one of this job's`, {
    cause,
    statusCode: 400,
    fix: "Run the job from its job file, with the values of its variables: a sealed value belongs to the job it was sealed for.",
  });
}

export function unsealForeign(allocationId: string, nodeId: string): NamedError {
  return new NamedError("UNSEAL_FOREIGN", `Cannot open values of allocation "${allocationId}": it does not run on node "${nodeId}"`, {
    statusCode: 403,
  });
}

export function serviceForeign(id: string, nodeId: string): NamedError {
  return new NamedError("SERVICE_FOREIGN", `Cannot register service "${id}": its allocation is not on node "${nodeId}"`, {
    statusCode: 403,
  });
}

export function serviceNotFound(id: string): NamedError {
  return new NamedError("SERVICE_NOT_FOUND", `service registration not found: "${id}"`, { statusCode: 404 });
}

export function rootKeyNotFound(id: string): NamedError {
  return new NamedError("ROOT_KEY_NOT_FOUND", `Cannot remove root key "${id}": no such key`, {
    statusCode: 404,
    fix: "See which there are: `drover operator root keyring list`.",
  });
}

export function rootKeyInUse(id: string): NamedError {
  return new NamedError("ROOT_KEY_IN_USE", `Cannot remove root key "${id}": allocations that live may hold identities it signed`, {
    statusCode: 400,
    fix: "Wait until they are replaced, or use `-force`: what they hold is then refused everywhere.",
  });
}

export function rootKeySeals(id: string): NamedError {
  return new NamedError("ROOT_KEY_IN_USE", `Cannot remove root key "${id}": variables, or values in jobs, are sealed with it`, {
    statusCode: 400,
    fix: "Have variables sealed with another: `drover operator root keyring rotate -full`. Jobs keep it until their versions with sensitive values are gone.",
  });
}

/** No keyring is kept here (tests), or the server stops. */
export function keyringClosed(): NamedError {
  return new NamedError("KEYRING_CLOSED", "Cannot use the keyring: this server keeps none, or is shutting down", { statusCode: 503 });
}

/** nomad.md §3.1: the message is the whole answer. */
export function deploymentNotFound(id: string): NamedError {
  return new NamedError("DEPLOYMENT_NOT_FOUND", `deployment not found: "${id}"`, { statusCode: 404 });
}

/** `verb`: "promote", "set health of allocations for", … */
export function deploymentTerminal(verb: string, deployment: { readonly ID: string; readonly Status: string }): NamedError {
  const article = verb.endsWith(" for") ? "a " : "";
  return new NamedError("DEPLOYMENT_TERMINAL", `can't ${verb} ${article}terminal deployment: "${deployment.ID}" is ${deployment.Status}`, {
    statusCode: 400,
  });
}

export function jobVersionNotFound(namespace: string, id: string, version: number): NamedError {
  return new NamedError("JOB_VERSION_NOT_FOUND", `job "${id}" in namespace "${namespace}" at version ${version} not found`, {
    statusCode: 404,
    fix: `Run \`drover job history ${id}\` to see the versions that are kept.`,
  });
}

export function priorVersionConflict(current: number, enforced: number): NamedError {
  return new NamedError("JOB_VERSION_CONFLICT", `Current job has version ${current}; enforcing version ${enforced}`, { statusCode: 409 });
}

export function versionTagTaken(id: string, name: string, version: number | undefined): NamedError {
  const holder = version === undefined ? "another version" : `version ${version}`;
  return new NamedError("JOB_VERSION_TAG_TAKEN", `tag "${name}" already exists on ${holder} of job "${id}"`, {
    statusCode: 409,
    fix: `Remove it first: \`drover job tag unset -name ${name} ${id}\`.`,
  });
}

export function versionTagNotFound(id: string, name: string): NamedError {
  return new NamedError("JOB_VERSION_TAG_NOT_FOUND", `tag "${name}" not found on job "${id}"`, { statusCode: 404 });
}

/** A command the state refused. A conflict is for the caller to word; this is for the rest. */
export function refused(outcome: Extract<Outcome, { ok: false }>): NamedError {
  const statusCode = { conflict: 409, missing: 404, invalid: 400, fault: 500 }[outcome.code];
  return new NamedError("COMMAND_REFUSED", outcome.reason, { statusCode });
}

/** It is for the one server that leads, and that is another one (or none): the API relays what is asked. */
export function notLeading(what: string, leaderAddress: string): NamedError {
  const who = leaderAddress === "" ? "no server is known to lead" : `"${leaderAddress}" does`;
  return new NamedError("NOT_LEADING", `Cannot ${what}: this server does not lead, ${who}`, {
    statusCode: 503,
    fix: leaderAddress === "" ? "Ask again in a moment." : `Ask the server at ${leaderAddress}.`,
  });
}

export function peerNotLeading(leaderAddress: string): NamedError {
  return new NamedError("PEER_NOT_LEADING", "Cannot take signs of life of nodes: this server does not lead", {
    statusCode: 503,
    fix: leaderAddress === "" ? "No leader is known." : `Ask the server at ${leaderAddress}.`,
  });
}

export function peerTooSlow(address: string): NamedError {
  return new NamedError("PEER_UNREACHABLE", `Cannot ask the server at "${address}": it does not answer in time`, { statusCode: 503 });
}

/** Nodes try another server, or again in a moment. */
export function serverNotReady(why: string): NamedError {
  return new NamedError("LINK_REFUSED", `connect node: ${why}`, { statusCode: 503, fix: "The node tries another server by itself." });
}
