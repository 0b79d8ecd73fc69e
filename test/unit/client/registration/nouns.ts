/** Services and checks for tests: everything ordinary unless said otherwise. */
import { Value } from "typebox/value";
import type { AllocatedPort } from "#model";
import { Check, Service } from "../../../../src/model/service.ts";

const BLANK = { service: Value.Create(Service) as Service, check: Value.Create(Check) as Check };

export function aService(fields: Partial<Service> = {}): Service {
  return { ...BLANK.service, Name: "web", Provider: "nomad", PortLabel: "http", ...fields };
}

export function aCheck(fields: Partial<Check> = {}): Check {
  return { ...BLANK.check, Name: "lives", Type: "http", Path: "/health", Interval: 10e9, Timeout: 2e9, ...fields };
}

export function aPort(Label: string, Value: number, To = 0): AllocatedPort {
  return { Label, Value, To, HostIP: "192.0.2.5", IgnoreCollision: false };
}
