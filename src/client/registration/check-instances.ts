/** The checks of one service, as they are to be run: everything interpolated, merged and defaulted. Pure. nomad.md §1.6, §2.8. */
import { createHash } from "node:crypto";
import type { Check, Service } from "#model";
import type { CheckInstance } from "#ports";
import { interpolate, type Names } from "#task";
import type { Reached } from "./address.ts";

const GRACE_NS = 1e9;

export interface CheckRequest {
  readonly service: Service;
  /** Interpolated. */
  readonly serviceName: string;
  readonly serviceId: string;
  readonly allocationId: string;
  /** The task the service belongs to; "": the group's. */
  readonly task: string;
  readonly names: Names;
  readonly reached: (mode: string, port: string) => Reached | string;
}

/** A text is a problem, for people: that check is left out. */
export function checkInstances(request: CheckRequest): readonly (CheckInstance | string)[] {
  return request.service.Checks.map((check) => instanceOf(request, check));
}

function instanceOf(request: CheckRequest, check: Check): CheckInstance | string {
  const { service, names } = request;
  const text = (value: string) => interpolate(value, names);
  const name = text(check.Name) || `service: "${request.serviceName}" check`;
  const script = check.Type === "script";
  const port = text(check.PortLabel) || text(service.PortLabel);
  // An address the author named is the one to look at; otherwise what the host offers.
  const mode = check.AddressMode || (service.Address !== "" ? "auto" : "host");
  const found = script ? { address: "", port: 0 } : request.reached(mode, port);
  if (typeof found === "string") return `check "${name}": ${found}`;
  const http = check.Type === "http";
  const said: Omit<CheckInstance, "ID"> = {
    ServiceID: request.serviceId,
    Name: name,
    Type: check.Type as CheckInstance["Type"],
    Address: found.address,
    Port: found.port,
    Protocol: http ? check.Protocol || "http" : "",
    Path: text(check.Path),
    Method: http ? check.Method || "GET" : "",
    Header: Object.fromEntries(Object.entries(check.Header).map(([key, values]) => [key, values.map(text)])),
    Body: text(check.Body),
    Command: text(check.Command),
    Args: check.Args.map(text),
    Task: check.TaskName || service.TaskName || request.task,
    IntervalNs: check.Interval,
    TimeoutNs: check.Timeout,
    InitialStatus: text(check.InitialStatus) as CheckInstance["InitialStatus"],
    OnUpdate: (check.OnUpdate || service.OnUpdate || "require_healthy") as CheckInstance["OnUpdate"],
    SuccessBeforePassing: check.SuccessBeforePassing,
    FailuresBeforeCritical: check.FailuresBeforeCritical,
    FailuresBeforeWarning: check.FailuresBeforeWarning,
    TlsServerName: check.TLSServerName,
    TlsSkipVerify: check.TLSSkipVerify,
    GrpcService: text(check.GRPCService),
    GrpcUseTls: check.GRPCUseTLS,
    Notes: text(check.Notes),
    Restart: restartRules(service, check),
  };
  const digest = createHash("sha1")
    .update(JSON.stringify([request.allocationId, said]))
    .digest("hex");
  // The node's own checks stand in no catalog among others.
  return { ID: service.Provider === "nomad" ? digest : `_nomad-check-${digest}`, ...said };
}

/** The check's own words over its service's. */
function restartRules(service: Service, check: Check): CheckInstance["Restart"] {
  const limit = check.CheckRestart?.Limit || service.CheckRestart?.Limit || 0;
  if (limit <= 0) return null;
  return {
    Limit: limit,
    GraceNs: check.CheckRestart?.Grace ?? service.CheckRestart?.Grace ?? GRACE_NS,
    IgnoreWarnings: check.CheckRestart?.IgnoreWarnings === true || service.CheckRestart?.IgnoreWarnings === true,
  };
}
