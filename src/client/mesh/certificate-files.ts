/**
 * The certificate of a service that speaks for itself, its key, and the roots of the mesh's authority, as files of its task that are kept as Consul
 * has them: secrets/connect/roots.pem, key.pem, cert.pem. Each is replaced whole, and cert.pem last: who watches that one finds the others in place.
 */
import { thingKey, type Clock, type Thing } from "#ports";
import { messageOf } from "#std";
import type { Beside } from "../execution/beside.ts";
import type { ThingReader } from "../contract.ts";
import type { Waits } from "../templates/waiting.ts";

/** Below the task's directory. */
export const CERTIFICATE_DIRECTORY = "secrets/connect";
/** A disk may be full for a while. */
const RETRY_MS = 10_000;
const ROOTS: Thing = { system: "consul", kind: "roots", name: "", options: {} };

export interface CertificateFilesNeeds {
  readonly reader: ThingReader;
  readonly service: string;
  readonly clock: Clock;
  readonly beside: Beside;
  /** Whole, in place of the one before; for the task's user alone. */
  readonly write: (path: string, text: string) => Promise<void>;
  /** Once for each reason why they could not be written. */
  readonly problem: (text: string) => void;
}

export class CertificateFiles {
  readonly #needs: CertificateFilesNeeds;
  readonly #things: readonly Thing[];
  readonly #first = Promise.withResolvers<void>();
  #written = "";
  #problem = "";
  #changed = Promise.withResolvers<void>();

  constructor(needs: CertificateFilesNeeds) {
    this.#needs = needs;
    this.#things = [ROOTS, { system: "consul", kind: "leaf", name: needs.service, options: {} }];
  }

  /** Resolves when they lie there for the first time. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  /** What is not known yet, and why. */
  get waits(): Waits {
    const facts = this.#needs.reader.facts();
    return {
      missing: this.#things.filter((each) => facts.get(thingKey(each))?.value === undefined),
      problems: this.#needs.reader.problems(),
    };
  }

  /** Called when `waits` may be different. */
  subscribe(listener: () => void): () => void {
    return this.#needs.reader.subscribe(listener);
  }

  /** Until `beside` is over. */
  start(): void {
    const { reader, beside } = this.#needs;
    reader.want(this.#things);
    beside.atEnd(reader.subscribe(() => this.#changed.resolve()));
    void this.#follow();
  }

  async #follow(): Promise<void> {
    const { beside, clock } = this.#needs;
    while (!beside.over) {
      this.#changed = Promise.withResolvers();
      const done = await this.#write();
      const timer = done ? undefined : clock.after(RETRY_MS, () => this.#changed.resolve());
      await beside.pause(this.#changed.promise);
      timer?.cancel();
    }
  }

  /** Whether there is nothing to write any more. */
  async #write(): Promise<boolean> {
    const { reader, beside, write } = this.#needs;
    const [roots, leaf] = this.#things.map((each) => reader.facts().get(thingKey(each))?.value);
    const files = filesOf(roots, leaf);
    if (files === undefined) return true;
    const all = JSON.stringify(files);
    if (all === this.#written) return true;
    try {
      for (const [name, text] of files) {
        if (beside.over) return true;
        await beside.perform(() => write(`${CERTIFICATE_DIRECTORY}/${name}`, text));
      }
    } catch (thrown) {
      const problem = messageOf(thrown);
      if (!beside.over && problem !== this.#problem) this.#needs.problem(problem);
      this.#problem = problem;
      return false;
    }
    this.#problem = "";
    this.#written = all;
    this.#first.resolve();
    return true;
  }
}

/** In the order they are written; undefined: not all is known. Of roots the active one comes first. */
function filesOf(roots: unknown, leaf: unknown): readonly (readonly [name: string, text: string])[] | undefined {
  const { CertPEM, PrivateKeyPEM } = (leaf ?? {}) as { readonly CertPEM?: string; readonly PrivateKeyPEM?: string };
  const known = ((roots ?? []) as readonly { readonly RootCertPEM?: string; readonly Active?: boolean }[]).filter(
    (each) => each.RootCertPEM,
  );
  if (!CertPEM || !PrivateKeyPEM || known.length === 0) return undefined;
  const trusted = known
    .toSorted((a, b) => Number(b.Active === true) - Number(a.Active === true))
    .map((each) => pem(each.RootCertPEM ?? ""));
  return [
    ["roots.pem", trusted.join("")],
    ["key.pem", pem(PrivateKeyPEM)],
    ["cert.pem", pem(CertPEM)],
  ];
}

const pem = (text: string): string => `${text.trim()}\n`;
