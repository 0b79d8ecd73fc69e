/**
 * The configuration entry a gateway of a job has in Consul: what it serves. Pure. nomad.md §1.7.
 *
 * It says in its Meta that it is ours and whose job wrote it. What somebody else wrote under the same name is theirs.
 */
import { isDeepStrictEqual } from "node:util";
import type { Gateway } from "#model";
import type { GatewayOfJob } from "#ports";

type Words = Readonly<Record<string, unknown>>;
type Ingress = NonNullable<Gateway["Ingress"]>;
type IngressTls = Ingress["TLS"];
type IngressService = Ingress["Listeners"][number]["Services"][number];

export interface GatewayEntry extends Words {
  readonly Kind: "ingress-gateway" | "terminating-gateway";
  readonly Name: string;
  readonly Meta: Readonly<Record<string, string>>;
}

export interface StandingEntry extends Words {
  readonly Meta?: Readonly<Record<string, string>> | null;
  readonly ModifyIndex: number;
}

const SOURCE_META = "external-source";
const NAMESPACE_META = "drover-namespace";
const JOB_META = "drover-job";

/** undefined: a mesh gateway, which has none. */
export function gatewayEntry(gateway: GatewayOfJob): GatewayEntry | undefined {
  const { Ingress, Terminating } = gateway.definition;
  const Meta = { [SOURCE_META]: "nomad", [NAMESPACE_META]: gateway.namespace, [JOB_META]: gateway.jobId };
  if (Ingress !== null) {
    const Listeners = Ingress.Listeners.map(({ Port, Protocol, Services }) => ({
      Port,
      Protocol: Protocol === "" ? "tcp" : Protocol,
      Services: Services.map(ingressService),
    }));
    return { Kind: "ingress-gateway", Name: gateway.service, Meta, TLS: ingressTls(Ingress.TLS), Listeners };
  }
  if (Terminating === null) return undefined;
  const Services = Terminating.Services.map((each) => spoken({ ...each }));
  return { Kind: "terminating-gateway", Name: gateway.service, Meta, Services };
}

function ingressTls(tls: IngressTls): Words {
  const { Enabled = false, TLSMinVersion, TLSMaxVersion, CipherSuites } = tls ?? {};
  return spoken({ Enabled, TLSMinVersion, TLSMaxVersion, CipherSuites, SDS: sds(tls) });
}

function sds(tls: IngressTls): Words {
  return spoken({ ...tls?.SDS });
}

function ingressService(service: IngressService): Words {
  const { Name, Hosts, TLS, MaxConnections, MaxPendingRequests, MaxConcurrentRequests } = service;
  return spoken({
    Name,
    Hosts,
    TLS: spoken({ SDS: sds(TLS) }),
    RequestHeaders: spoken({ ...service.RequestHeaders }),
    ResponseHeaders: spoken({ ...service.ResponseHeaders }),
    MaxConnections,
    MaxPendingRequests,
    MaxConcurrentRequests,
  });
}

/** Without what says nothing; false is said. */
function spoken(words: Words): Words {
  return Object.fromEntries(Object.entries(words).filter(([, value]) => !isNothing(value)));
}

function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === "" || value === 0) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

export type EntryStep = { readonly what: "keep" } | { readonly what: "write"; readonly casIndex: number } | { readonly what: "refuse" };

/** What is to be done so that the entry stands as wanted. One that says the same is nobody's business, whoever wrote it. */
export function stepOfEntry(wanted: GatewayEntry, standing: StandingEntry | undefined): EntryStep {
  if (standing === undefined) return { what: "write", casIndex: 0 };
  const same = isDeepStrictEqual(meant(wanted), meant(standing));
  if (standing.Meta?.[JOB_META] === undefined) return same ? { what: "keep" } : { what: "refuse" };
  const ofSameJob = [JOB_META, NAMESPACE_META].every((key) => standing.Meta?.[key] === wanted.Meta[key]);
  return same && ofSameJob ? { what: "keep" } : { what: "write", casIndex: standing.ModifyIndex };
}

/** The job that wrote it last: it may take it away. */
export function isOfJob(standing: StandingEntry, job: Pick<GatewayOfJob, "namespace" | "jobId">): boolean {
  return standing.Meta?.[JOB_META] === job.jobId && standing.Meta[NAMESPACE_META] === job.namespace;
}

const ADDED_BY_CONSUL = new Set(["Meta", "CreateIndex", "ModifyIndex", "Hash", "Partition", "Namespace", "Status"]);

function meant(entry: Words): unknown {
  const { TLS, ...rest } = Object.fromEntries(Object.entries(entry).filter(([key]) => !ADDED_BY_CONSUL.has(key)));
  return bare({ ...rest, ...(TLS === undefined ? {} : { TLS }) });
}

/** Nothing, false, and empty are the same to Consul. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([key, each]): [string, unknown] => [key, bare(each)]);
  return Object.fromEntries(entries.filter(([, each]) => each !== false && !isNothing(each)));
}
