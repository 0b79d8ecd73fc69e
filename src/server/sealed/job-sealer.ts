/**
 * Values of `sensitive` variables, from the moment a job comes in: sealed before anything else looks at it, so that state, log, answers, diffs
 * and events hold sealed texts alone; opened for the node that runs an allocation of the job, and for nobody else.
 *
 *   { Job, Sensitive: [paths] } ──► places allowed? ──► sealed values in it, if any, are this job's own? ──► Job with `${sealed.…}` ──► admission
 */
import { changeTexts, mayBeSensitive, readSlice, type Slice, type Step, writePath } from "#jobspec";
import { type AllocationId, clientTerminal, type JobSubmission, type NodeId } from "#model";
import type { ServerContext } from "../context.ts";
import { badRequest, sealedForeign, unsealForeign } from "../errors.ts";
import type { SigningKey } from "../keyring/key-pair.ts";
import type { Keyring } from "../keyring/keyring.ts";
import { keptSubmission, SUBMISSION_NOT_KEPT } from "./kept-submission.ts";
import { misplaced, ownersOf, sealedNamesIn, sealedNamesOf } from "./sealed-texts.ts";
import { type JobSealingKey, jobSealingKeyOf, keyIdOf, openValue, type Owner, sealValue } from "./sealed-value.ts";

/** What of a request is the sealer's. */
export interface SensitiveRequest {
  readonly Job: unknown;
  readonly Sensitive?: readonly string[];
  readonly Submission?: JobSubmission | null;
  readonly namespace?: string;
  readonly Warnings?: readonly string[];
}

export interface JobSealer {
  /**
   * The request with its sensitive texts sealed, and without a Submission that tells them. NamedErrors: REQUEST_INVALID (a path that is none, or where everybody could read it),
   * SEALED_FOREIGN (a sealed value of another job), KEYRING_CLOSED.
   */
  seal<Request extends SensitiveRequest>(request: Request): Promise<Request>;
  /** The same checks of paths; the job comes back without `Sensitive`. */
  check<Request extends SensitiveRequest>(request: Request): Request;
  /** By what stands between the braces. UNSEAL_FOREIGN, SEALED_UNREADABLE. */
  unseal(nodeId: NodeId, allocationId: AllocationId): Promise<Readonly<Record<string, string>>>;
}

interface Part {
  readonly path: string;
  readonly steps: readonly Step[];
  /** Undefined: the whole text. */
  readonly slice: Slice | undefined;
}

export function createJobSealer(context: ServerContext, keyring: Pick<Keyring, "signing" | "opened">): JobSealer {
  const { cluster } = context;
  const derived = new WeakMap<SigningKey, JobSealingKey>();
  const sealing = (key: SigningKey): JobSealingKey => {
    const known = derived.get(key) ?? jobSealingKeyOf(key);
    derived.set(key, known);
    return known;
  };

  async function open(owners: Iterable<Owner>, name: string): Promise<string> {
    const key = sealing(await keyring.opened(keyIdOf(name) ?? ""));
    let failure: unknown;
    for (const owner of owners) {
      try {
        return openValue(key, owner, name);
      } catch (thrown) {
        failure ??= thrown;
      }
    }
    throw failure;
  }

  /** Values of the job as it is stored, by what they say: one that has not changed keeps its text, whichever key it is sealed with. */
  async function storedNames({ Namespace, JobID }: Owner): Promise<Map<string, string>> {
    const stored = cluster.state.snapshot().job(Namespace, JobID);
    const names = new Map<string, string>();
    if (stored === undefined) return names;
    for (const { name } of sealedNamesIn(stored.TaskGroups)) {
      const value = await open(ownersOf(stored), name).catch(() => undefined);
      if (value !== undefined && !names.has(value)) names.set(value, name);
    }
    return names;
  }

  /** What somebody posts back as it was shown to them. */
  async function requireOwn(job: unknown, owner: Owner): Promise<void> {
    const found = sealedNamesIn(job);
    if (found.length === 0) return;
    const [exposed] = misplaced(found);
    if (exposed !== undefined) throw badRequest(cannotStand(exposed));
    const stored = cluster.state.snapshot().job(owner.Namespace, owner.JobID);
    const owners = stored === undefined ? [owner] : [...ownersOf(stored)];
    for (const { name, steps } of found) {
      await open(owners, name).catch((cause: unknown) => {
        throw sealedForeign(owner.JobID, writePath(steps), cause);
      });
    }
  }

  return {
    async seal(request) {
      const { job, parts, inside } = split(request);
      const owner = ownerOf(context, job, request.namespace);
      if (owner === undefined) {
        // Admission would say so too, but not before it has looked at the values.
        if (parts.length > 0 || sealedNamesIn(job).length > 0) throw badRequest("Cannot take job: Job ID must be specified");
        return { ...request, Job: job, Sensitive: [] };
      }
      await requireOwn(job, owner);
      if (parts.length === 0) return { ...request, Job: job, Sensitive: [] };
      const [names, active] = [await storedNames(owner), sealing(await keyring.signing())];
      const values = new Set<string>();
      const Job = withParts(job, parts, (value) => {
        values.add(value);
        return `\${${names.get(value) ?? sealValue(active, owner, value)}}`;
      });
      const Submission = request.Submission ?? null;
      const kept = Submission === null ? null : keptSubmission(Submission, values, inside);
      if (kept === Submission) return { ...request, Job, Sensitive: [] };
      return { ...request, Job, Sensitive: [], Submission: kept, Warnings: [SUBMISSION_NOT_KEPT] };
    },

    check(request) {
      const { job, parts } = split(request);
      withParts(job, parts, (value) => value);
      return { ...request, Job: job, Sensitive: [] };
    },

    async unseal(nodeId, allocationId) {
      const allocation = cluster.state.snapshot().allocation(allocationId);
      if (allocation === undefined || allocation.NodeID !== nodeId || clientTerminal(allocation)) throw unsealForeign(allocationId, nodeId);
      const values: Record<string, string> = {};
      for (const { name } of sealedNamesOf(allocation)) values[name] ??= await open(ownersOf(allocation.Job), name);
      return values;
    },
  };
}

/** `Sensitive` may stand beside the job, or in it, as /v1/jobs/parse answers it. */
function split({ Job, Sensitive }: SensitiveRequest): { readonly job: unknown; readonly parts: readonly Part[]; readonly inside: boolean } {
  const inside = typeof Job === "object" && Job !== null && "Sensitive" in Job ? Job.Sensitive : undefined;
  const job = inside === undefined ? Job : Object.fromEntries(Object.entries(Job as object).filter(([key]) => key !== "Sensitive"));
  if (inside !== undefined && inside !== null && !Array.isArray(inside))
    throw badRequest("Cannot take job: Sensitive must be a list of paths");
  const paths = new Set([...(Sensitive ?? []), ...((inside as readonly unknown[] | null | undefined) ?? [])].map(String));
  return { job, parts: [...paths].map(readPart), inside: Array.isArray(inside) && inside.length > 0 };
}

function readPart(path: string): Part {
  const read = readSlice(path);
  if (read === undefined) throw badRequest(`Cannot take job: ${JSON.stringify(path)} in Sensitive is no path of a field`);
  if (!mayBeSensitive(read.steps)) throw badRequest(cannotStand(path));
  return { path, ...read };
}

function cannotStand(path: string): string {
  return `Cannot take job: a sensitive value cannot stand in ${path}: everybody could read it there`;
}

/** Undefined: admission will say that it has no name. */
function ownerOf({ admission }: ServerContext, job: unknown, namespace: string | undefined): Owner | undefined {
  if (typeof job !== "object" || job === null) return undefined;
  const text = (name: string): string => {
    const fields = Object.entries(job).filter(([key]) => key.toLowerCase() === name.toLowerCase());
    const value = (fields.find(([key]) => key === name) ?? fields[0])?.[1];
    return typeof value === "string" ? value : "";
  };
  const JobID = text("ID") || text("Name");
  if (JobID === "") return undefined;
  return { Namespace: text("Namespace") || namespace || admission.defaultNamespace, JobID };
}

/** Each part replaced; parts that name no text are refused. */
function withParts(job: unknown, parts: readonly Part[], change: (value: string) => string): unknown {
  const byPlace = Map.groupBy(parts, ({ steps }) => writePath(steps));
  const done = new Set<string>();
  const changed = changeTexts(job, (text, steps) => {
    const place = writePath(steps);
    const here = byPlace.get(place);
    if (here === undefined) return undefined;
    done.add(place);
    return replaced(text, here, change);
  });
  const missing = [...byPlace.keys()].find((place) => !done.has(place));
  if (missing !== undefined) throw badRequest(`Cannot take job: Sensitive names ${missing}, where no text stands`);
  return changed;
}

function replaced(text: string, parts: readonly Part[], change: (value: string) => string): string {
  if (parts.some(({ slice }) => slice === undefined)) return change(text);
  const slices = parts.flatMap(({ slice }) => slice ?? []).toSorted((left, right) => left.start - right.start);
  let result = "";
  let at = 0;
  for (const { start, end } of slices) {
    if (start < at || end < start || end > text.length) {
      throw badRequest(
        `Cannot take job: Sensitive names characters ${start} to ${end} in ${parts[0]?.path}, which are not there, or named twice`,
      );
    }
    result += text.slice(at, start) + change(text.slice(start, end));
    at = end;
  }
  return result + text.slice(at);
}
