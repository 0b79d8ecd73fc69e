/**
 * A service instance in Consul's words, and back: does what stands there still say what was registered? Pure. nomad.md §1.6, §2.8.
 *
 * Three of the service's Meta are ours: who registered it (`drover-owner`: only its own are ever touched, F29), what the instance said and
 * what Consul was told (`drover-registration`), and `external-source`, by which Consul's pages show that it came from an orchestrator.
 */
import { createHash } from "node:crypto";
import { catalogDigest, type CheckInstance, type ServiceInstance } from "#ports";
import { formatDuration } from "#std";

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
}

export type ConsulCheck = Readonly<Record<string, unknown>> & { readonly CheckID: string };

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
}

export function registrationOf(instance: ServiceInstance, owner: string): ConsulRegistration {
  const { ID, Name, Kind, Tags, Address, Port, TaggedAddresses, Weights, EnableTagOverride } = instance;
  const Checks = instance.Checks.map(checkOf);
  const plain = {
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
    Checks,
  };
  const told = said(
    { ...plain, Service: Name },
    Checks.map((each) => each.CheckID),
  );
  return { ...plain, Meta: { ...plain.Meta, [REGISTRATION_META]: `${catalogDigest(instance)}.${told}` } };
}

/** What was registered, as `OwnedService.digest`; "altered" when something there was changed since, or a check is missing. */
export function digestOf(service: ConsulService, checkIds: readonly string[]): string {
  const [digest = "", told] = (service.Meta?.[REGISTRATION_META] ?? "").split(".");
  return told === said(service, checkIds) ? digest : "altered";
}

/** Of what Consul shows again as it was told. (To tagged addresses it adds its own.) */
function said(service: ConsulService, checkIds: readonly string[]): string {
  const { [REGISTRATION_META]: _own, ...meta } = service.Meta ?? {};
  const EnableTagOverride = service.EnableTagOverride ?? false;
  const words = [
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
  return createHash("sha256").update(JSON.stringify(words)).digest("hex").slice(0, 16);
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
