/**
 * A service instance in Consul's words, and back: does what stands there still say what was registered? Pure. nomad.md §1.6, §2.8.
 *
 * Three of the service's Meta are ours: who registered it (`drover-owner`: only its own are ever touched, F29), what the instance said and
 * what Consul was told (`drover-registration`), and `external-source`, by which Consul's pages show that it came from an orchestrator.
 */
import { createHash } from "node:crypto";
import { catalogDigest, type CheckInstance, type ServiceInstance, type SidecarRegistration } from "#ports";
import { formatDuration } from "#std";
import { aliasCheck, comparedProxy, type ConsulCheck, meshWords, proxyWords } from "./proxy-words.ts";

export const OWNER_META = "drover-owner";
const REGISTRATION_META = "drover-registration";
const SOURCE_META = "external-source";

/** The body of PUT /v1/agent/service/register. */
export interface ConsulRegistration {
  readonly ID: string;
  readonly Name: string;
  readonly Kind?: string;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
  readonly Address: string;
  readonly Port: number;
  readonly TaggedAddresses: ServiceInstance["TaggedAddresses"];
  readonly Weights: ServiceInstance["Weights"];
  readonly EnableTagOverride: boolean;
  readonly Checks: readonly ConsulCheck[];
  readonly Connect?: { readonly Native: true };
  /** Of sidecars and gateways. */
  readonly Proxy?: Readonly<Record<string, unknown>>;
}

/** A service as GET /v1/agent/services shows it. */
export interface ConsulService {
  readonly ID: string;
  readonly Service: string;
  readonly Kind?: string;
  readonly Tags?: readonly string[] | null;
  readonly Meta?: Readonly<Record<string, string>> | null;
  readonly Address?: string;
  readonly Port?: number;
  readonly Weights?: ServiceInstance["Weights"];
  readonly EnableTagOverride?: boolean;
  readonly Connect?: { readonly Native?: boolean } | null;
  readonly Proxy?: Readonly<Record<string, unknown>> | null;
}

/** What stands there under one id: the service, and the sidecar that was registered with it. */
export interface ConsulStanding {
  readonly service: ConsulService;
  readonly checkIds: readonly string[];
  readonly sidecar?: { readonly service: ConsulService; readonly checkIds: readonly string[] } | undefined;
}

/** As Consul itself calls one that is registered in one request with its service. */
export const sidecarId = (serviceId: string): string => `${serviceId}${SIDECAR_SUFFIX}`;
/** Whose sidecar is called so; undefined: nobody's. */
export function serviceOfSidecar(id: string): string | undefined {
  return id.endsWith(SIDECAR_SUFFIX) ? id.slice(0, -SIDECAR_SUFFIX.length) : undefined;
}
const SIDECAR_SUFFIX = "-sidecar-proxy";

/** The service, and its sidecar if it has one: in this order, so that no proxy stands without what it leads to. */
export function registrationsOf(
  instance: ServiceInstance,
  owner: string,
): { readonly service: ConsulRegistration; readonly sidecar?: ConsulRegistration } {
  const { ID, Name, Kind, Tags, Address, Port, TaggedAddresses, Weights, EnableTagOverride } = instance;
  const service = {
    ID,
    Name,
    ...(Kind === "" ? {} : { Kind }),
    Tags,
    Meta: { ...instance.Meta, [SOURCE_META]: "nomad", [OWNER_META]: owner },
    Address,
    Port,
    TaggedAddresses,
    Weights,
    EnableTagOverride,
    Checks: instance.Checks.map(checkOf),
    ...meshWords(instance.Mesh),
  };
  const sidecar = instance.Mesh?.kind === "sidecar" ? sidecarRegistration(instance.Mesh.sidecar, owner) : undefined;
  const told = said({ ...standingAs(service), sidecar: sidecar === undefined ? undefined : standingAs(sidecar) });
  const signed = { ...service, Meta: { ...service.Meta, [REGISTRATION_META]: `${catalogDigest(instance)}.${told}` } };
  return sidecar === undefined ? { service: signed } : { service: signed, sidecar };
}

function sidecarRegistration(sidecar: SidecarRegistration, owner: string): ConsulRegistration {
  const { ID, Name, Tags, Address, Port } = sidecar;
  return {
    ID,
    Name,
    Kind: "connect-proxy",
    Tags,
    // Whoever looks at the service looks at what is registered of it; its own words are no other's.
    Meta: { ...withoutRegistration(sidecar.Meta), [SOURCE_META]: "nomad", [OWNER_META]: owner },
    Address,
    Port,
    TaggedAddresses: {},
    Weights: { Passing: 1, Warning: 1 },
    EnableTagOverride: false,
    Checks: [...sidecar.Checks.map(checkOf), aliasCheck(sidecar)],
    Proxy: proxyWords(sidecar.Proxy),
  };
}

function withoutRegistration({ [REGISTRATION_META]: _own, ...meta }: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return meta;
}

function standingAs({ Name, Checks, ...words }: ConsulRegistration): {
  readonly service: ConsulService;
  readonly checkIds: readonly string[];
} {
  return { service: { ...words, Service: Name }, checkIds: Checks.map((each) => each.CheckID) };
}

/** What was registered, as `OwnedService.digest`; "altered" when something there was changed since, or a check or the sidecar is missing. */
export function digestOf(standing: ConsulStanding): string {
  const [digest = "", told] = (standing.service.Meta?.[REGISTRATION_META] ?? "").split(".");
  return told === said(standing) ? digest : ALTERED;
}
export const ALTERED = "altered";

/** Of what Consul shows again as it was told. (To tagged addresses it adds its own.) */
function said({ service, checkIds, sidecar }: ConsulStanding): string {
  const words = [...plainly(service, checkIds), ...meshly(service, sidecar)];
  return createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 16);
}

function plainly(service: ConsulService, checkIds: readonly string[]): readonly unknown[] {
  const meta = withoutRegistration(service.Meta ?? {});
  const EnableTagOverride = service.EnableTagOverride ?? false;
  return [
    service.ID,
    service.Service,
    service.Kind ?? "",
    // Others may set them then: that is no drift.
    EnableTagOverride ? "" : (service.Tags ?? []),
    Object.entries(meta).toSorted(([left], [right]) => (left < right ? -1 : 1)),
    service.Address ?? "",
    service.Port ?? 0,
    [service.Weights?.Passing ?? 1, service.Weights?.Warning ?? 1],
    EnableTagOverride,
    checkIds.toSorted(),
  ];
}

/** Nothing of a service without a place in the mesh: what was registered before there was one says the same as ever. */
function meshly(service: ConsulService, sidecar: ConsulStanding["sidecar"]): readonly unknown[] {
  const gateway = service.Kind?.endsWith("-gateway") === true && service.Proxy !== undefined ? [comparedProxy(service.Proxy)] : [];
  const native = service.Connect?.Native === true ? ["native"] : [];
  const beside = sidecar === undefined ? [] : [plainly(sidecar.service, sidecar.checkIds), comparedProxy(sidecar.service.Proxy)];
  return [...gateway, ...native, ...beside];
}

/** Later than this after a script should have spoken Consul calls it critical by itself: the node is gone. */
const TTL_MARGIN_NS = 30e9;

export function checkOf(check: CheckInstance): ConsulCheck {
  const shared = {
    CheckID: check.ID,
    Name: check.Name,
    ...(check.Notes === "" ? {} : { Notes: check.Notes }),
    ...(check.InitialStatus === "" ? {} : { Status: check.InitialStatus }),
    ...(check.SuccessBeforePassing === 0 ? {} : { SuccessBeforePassing: check.SuccessBeforePassing }),
    ...(check.FailuresBeforeCritical === 0 ? {} : { FailuresBeforeCritical: check.FailuresBeforeCritical }),
    ...(check.FailuresBeforeWarning === 0 ? {} : { FailuresBeforeWarning: check.FailuresBeforeWarning }),
  };
  // The node runs scripts inside their tasks, and reports.
  if (check.Type === "script") return { ...shared, TTL: formatDuration(check.IntervalNs + check.TimeoutNs + TTL_MARGIN_NS) };
  return {
    ...shared,
    ...targetOf(check),
    Interval: formatDuration(check.IntervalNs),
    Timeout: formatDuration(check.TimeoutNs),
    ...(check.TlsServerName === "" ? {} : { TLSServerName: check.TlsServerName }),
    ...(check.TlsSkipVerify ? { TLSSkipVerify: true } : {}),
  };
}

function targetOf(check: CheckInstance): Readonly<Record<string, unknown>> {
  const place = `${check.Address.includes(":") ? `[${check.Address}]` : check.Address}:${check.Port}`;
  switch (check.Type) {
    case "http":
      return {
        HTTP: `${check.Protocol === "" ? "http" : check.Protocol}://${place}${check.Path.startsWith("/") ? "" : "/"}${check.Path}`,
        Method: check.Method === "" ? "GET" : check.Method,
        ...(Object.keys(check.Header).length === 0 ? {} : { Header: check.Header }),
        ...(check.Body === "" ? {} : { Body: check.Body }),
      };
    case "grpc":
      return { GRPC: check.GrpcService === "" ? place : `${place}/${check.GrpcService}`, GRPCUseTLS: check.GrpcUseTls };
    default:
      return { TCP: place };
  }
}
