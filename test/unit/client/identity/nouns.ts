/** Identity and service blocks, every field set. */
import { Identity, Service } from "#model";
import { Create } from "typebox/value";

export function anIdentity(fields: Partial<Identity> = {}): Identity {
  return { ...(Create(Identity) as Identity), ...fields };
}

export function aService(fields: Partial<Service> = {}): Service {
  return { ...(Create(Service) as Service), ...fields };
}
