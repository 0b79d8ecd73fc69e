/**
 * ports/thing-source by Vault: secrets of any engine, names below a path, certificates. nomad.md §1.10; the rules of reading are
 * consul-template's.
 *
 * Vault cannot be waited for: a reading says when to look again. The namespace is the token's own, which Vault is asked for once for a
 * token that has one (its last part names it); the namespace of the configuration otherwise.
 */
import { createHash } from "node:crypto";
import type { Lease, Reading, Thing, ThingSource } from "#ports";
import { NamedError } from "#std";
import type { AskHow, RequestOptions, VaultConnection } from "./connection.ts";
import { denied, thingUnreachable, type Capability, type DeniedRequest } from "./denial.ts";
import { encoded, readWritten, served, servedPerhaps, type Mount, type WrittenPath } from "./path.ts";
import { problemOf } from "./problem.ts";
import { certificateReading, nothingThere, numberOf, secretReading, type Envelope, type ReadingNeeds } from "./reading.ts";

export interface VaultThingsOptions {
  readonly connection: VaultConnection;
  /** client { template { vault_default_lease_duration } }: how often a secret without a lease is looked at. */
  readonly defaultLeaseMs: number;
}

/** Who asks, and how. */
interface Asking {
  readonly token: string;
  readonly namespace: string;
  readonly signal: AbortSignal | undefined;
}

type Client = Parameters<Parameters<VaultConnection["ask"]>[0]>[0];

export function vaultThings({ connection, defaultLeaseMs }: VaultThingsOptions): ThingSource {
  const mounts = knownMounts(connection);
  const namespaces = knownNamespaces(connection);
  const needs = (): ReadingNeeds => ({ defaultLeaseMs, chance: Math.random(), nowMs: Date.now() });

  /** undefined: there is nothing. */
  async function ask(
    call: (vault: Client, options: RequestOptions) => Promise<unknown>,
    request: Omit<DeniedRequest, "token" | "namespace">,
    { token, namespace, signal }: Asking,
  ): Promise<Envelope | undefined> {
    const how: AskHow = { token, namespace, signal, spelled: true };
    try {
      return (await connection.ask<Envelope | undefined>(call, how)) ?? {};
    } catch (thrown) {
      signal?.throwIfAborted();
      const problem = problemOf(thrown);
      // Also a version that was deleted (its metadata is answered along), and an engine that is not mounted (yet).
      if (problem.status === 404) return undefined;
      const where = JSON.stringify(request.path);
      if (problem.passes) throw thingUnreachable(problem, request.action, where);
      if (problem.status === 403 || /missing client token/.test(problem.message)) {
        throw await denied(connection, problem, { ...request, token, namespace });
      }
      throw invalid(`Cannot ${request.action} ${where} in Vault: ${problem.message}`, problem.status === 405 ? WRITTEN_ONLY : UNKNOWN);
    }
  }

  const readers: Readonly<Record<string, (thing: Thing, asking: Asking) => Promise<Reading>>> = {
    async secret({ name, options }, asking) {
      const asked = readWritten(name);
      const mount = await mounts.of(asked.path, asking);
      const path = served(asked.path, mount, "data");
      const written = Object.keys(options).length > 0;
      const call = written
        ? writing({ path, query: asked.query }, mount.isVersioned ? { data: options } : options)
        : reading({ path, query: asked.query });
      const versionedPath = servedPerhaps(asked.path, mount, "data");
      const request = written
        ? { action: "write to", path, needs: WRITE, versionedPath }
        : { action: "read", path, needs: READ, versionedPath };
      const envelope = await ask(call, request, asking);
      if (envelope === undefined) {
        mounts.forget(mount);
        return nothingThere(defaultLeaseMs);
      }
      return secretReading(envelope, { written, leaseName: (id) => leaseName(asking.namespace, connection, id) }, needs());
    },

    async secrets({ name }, asking) {
      const asked = readWritten(name);
      const mount = await mounts.of(asked.path, asking);
      const path = served(asked.path, mount, "metadata");
      const perhaps = servedPerhaps(asked.path, mount, "metadata");
      const versionedPath = perhaps === undefined ? undefined : `${perhaps}/`;
      const list = (vault: Client, options: RequestOptions) => vault.list(`${encoded({ path, query: "" })}/`, options);
      const envelope = await ask(list, { action: "list", path: `${path}/`, needs: LIST, versionedPath }, asking);
      const keys = envelope?.data?.["keys"];
      // Nothing below a path is an empty list: a template that ranges over it goes on.
      const value = Array.isArray(keys) ? keys.map(String) : [];
      return { value, index: "", againMs: defaultLeaseMs, private: false, lease: null };
    },

    async certificate({ name, options }, asking) {
      const asked = readWritten(name);
      const envelope = await ask(writing(asked, options), { action: "issue a certificate at", path: asked.path, needs: WRITE }, asking);
      if (envelope === undefined) return nothingThere(defaultLeaseMs);
      if (typeof envelope.data?.["certificate"] !== "string") {
        throw invalid(
          `Cannot issue a certificate at ${JSON.stringify(asked.path)} in Vault: what it answers holds none`,
          'Name a role of a PKI engine: "pki/issue/<role>".',
        );
      }
      return certificateReading(envelope, (id) => leaseName(asking.namespace, connection, id), needs());
    },
  };

  return {
    system: "vault",

    async read(thing, { token, signal }) {
      const reader = Object.hasOwn(readers, thing.kind) ? readers[thing.kind] : undefined;
      if (reader === undefined)
        throw invalid(
          `Cannot look up a ${JSON.stringify(thing.kind)} in Vault: it has none`,
          "It has secrets, lists of them, and certificates.",
        );
      return reader(thing, { token, signal, namespace: await namespaces.of(token, signal) });
    },

    async renew(lease, token): Promise<Lease> {
      const { id, namespace } = readLeaseName(lease.id, connection);
      try {
        const renewed = await connection.ask<Envelope>((vault, requestOptions) => vault.renew({ lease_id: id, requestOptions }), {
          token,
          namespace,
        });
        return { id: lease.id, durationMs: numberOf(renewed.lease_duration) * 1000, renewable: renewed.renewable === true };
      } catch (thrown) {
        const problem = problemOf(thrown);
        const where = JSON.stringify(creationPath(id));
        if (problem.passes && !LEASE_GONE.test(problem.message)) throw thingUnreachable(problem, "renew the lease of", where);
        if (problem.status === 403)
          throw await denied(connection, problem, leaseRequest("renew a lease at", "sys/leases/renew", token, namespace));
        throw invalid(`Cannot renew the lease of ${where} in Vault: ${problem.message}`, "What it was for is read anew.");
      }
    },

    async revoke(leaseId, token) {
      if (leaseId === "") return;
      const { id, namespace } = readLeaseName(leaseId, connection);
      try {
        await connection.ask((vault, requestOptions) => vault.revoke({ lease_id: id, requestOptions }), { token, namespace });
      } catch (thrown) {
        const problem = problemOf(thrown);
        if (problem.status === 400 || problem.status === 404 || LEASE_GONE.test(problem.message)) return;
        if (problem.passes) throw thingUnreachable(problem, "give back the lease of", JSON.stringify(creationPath(id)));
        const why = await denied(connection, problem, leaseRequest("give back a lease at", "sys/leases/revoke", token, namespace));
        // With the token went what was made with it.
        if (why.code !== "THING_TOKEN_UNKNOWN") throw why;
      }
    },
  };
}

const READ: readonly Capability[] = ["read"];
const LIST: readonly Capability[] = ["list"];
const WRITE: readonly Capability[] = ["create", "update"];
const WRITTEN_ONLY = 'It can only be written to: give it data, secret "path" "key=value".';
const UNKNOWN = "The message is Vault's own: correct what it names.";
const LEASE_GONE = /lease (not found|expired)|invalid lease|lease is not renewable/i;

function reading(asked: WrittenPath) {
  return (vault: Client, options: RequestOptions) => vault.read(encoded(asked), options);
}

function writing(asked: WrittenPath, body: unknown) {
  return (vault: Client, options: RequestOptions) => vault.write(encoded(asked), body, options);
}

function invalid(message: string, fix: string): NamedError {
  return new NamedError("THING_INVALID", message, { statusCode: 400, fix });
}

function leaseRequest(action: string, path: string, token: string, namespace: string): DeniedRequest {
  return { action, path, needs: ["update"], token, namespace };
}

/** "database/creds/app/…" → without its last part, which is nobody's business. */
const creationPath = (id: string): string => id.split("/").slice(0, -1).join("/");

/** A lease is given back where it was made: one of another namespace than the configuration's says so. No namespace has a space in it. */
function leaseName(namespace: string, connection: VaultConnection, id: string): string {
  return namespace === connection.namespace ? id : `${namespace} ${id}`;
}

function readLeaseName(name: string, connection: VaultConnection): { readonly id: string; readonly namespace: string } {
  const at = name.indexOf(" ");
  return at < 0 ? { id: name, namespace: connection.namespace } : { id: name.slice(at + 1), namespace: name.slice(0, at) };
}

/** What was learnt about mounts is believed for so long. */
const MOUNT_MS = 60_000;
const MOUNT_UNKNOWN: Mount = { path: "", isVersioned: false };

interface MountAnswer {
  readonly data?: { readonly path?: string; readonly type?: string; readonly options?: { readonly version?: string } | null };
}

/** Which engine serves a path. Whether a token may read there Vault says when it reads: this is no secret, and shared. */
function knownMounts(connection: VaultConnection) {
  const known = new Map<string, { readonly mount: Mount; readonly untilMs: number }>();
  return {
    async of(path: string, { token, namespace, signal }: Asking): Promise<Mount> {
      for (const [key, { mount, untilMs }] of known) {
        if (untilMs < Date.now()) known.delete(key);
        else if (key.startsWith(`${namespace} `) && `${path}/`.startsWith(mount.path)) return mount;
      }
      try {
        const { data } = await connection.ask<MountAnswer>(
          (vault, options) => vault.read(`sys/internal/ui/mounts/${encoded({ path, query: "" })}`, options),
          { token, namespace, signal },
        );
        const mount = { path: data?.path ?? "", isVersioned: data?.type === "kv" && data.options?.version === "2" };
        if (mount.path !== "") known.set(`${namespace} ${mount.path}`, { mount, untilMs: Date.now() + MOUNT_MS });
        return mount;
      } catch (thrown) {
        signal?.throwIfAborted();
        const problem = problemOf(thrown);
        if (problem.passes) throw thingUnreachable(problem, "read", JSON.stringify(path));
        // Not for this token: what it is told at the path itself is the better message.
        return MOUNT_UNKNOWN;
      }
    },
    forget(mount: Mount): void {
      for (const [key, each] of known) if (each.mount === mount) known.delete(key);
    },
  };
}

const TOKENS_MAX = 10_000;

/** Tokens by their digest; none is kept. */
function knownNamespaces(connection: VaultConnection) {
  const known = new Map<string, string>();
  return {
    async of(token: string, signal: AbortSignal | undefined): Promise<string> {
      // "s.….ObTvvD", "hvs.….ObTvvD"
      if (!/^[a-z]+\..+\.[A-Za-z0-9]{4,8}$/.test(token)) return connection.namespace;
      const digest = createHash("sha256").update(token).digest("base64");
      const before = known.get(digest);
      if (before !== undefined) return before;
      try {
        const { data } = await connection.ask<{ data?: { namespace_path?: string } }>(
          (vault, requestOptions) => vault.tokenLookupSelf({ requestOptions }),
          { token, signal },
        );
        const namespace = data?.namespace_path?.replace(/\/$/, "") ?? connection.namespace;
        if (known.size >= TOKENS_MAX) known.clear();
        known.set(digest, namespace);
        return namespace;
      } catch (thrown) {
        signal?.throwIfAborted();
        const problem = problemOf(thrown);
        if (problem.passes) throw thingUnreachable(problem, "look up", "the task's token");
        // It may not look itself up, or is gone: the reading says.
        return connection.namespace;
      }
    },
  };
}
