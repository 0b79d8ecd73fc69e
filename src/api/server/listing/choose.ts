/** `?choose=<number>|<key>`, as a query says it. nomad.md §3.2. */
import { chooseServices, type ServiceRegistration } from "#model";
import { badRequest } from "../refusal.ts";

export function choose(all: readonly ServiceRegistration[], asked: string): readonly ServiceRegistration[] {
  const bar = asked.indexOf("|");
  const count = bar < 0 ? "" : asked.slice(0, bar).trim();
  const key = asked.slice(bar + 1);
  if (!/^[1-9]\d{0,8}$/.test(count) || key === "") {
    throw badRequest(`Cannot choose services: choose is ${JSON.stringify(asked.slice(0, 80))}, wanted "<number>|<key>"`);
  }
  return chooseServices(all, Number(count), key);
}
