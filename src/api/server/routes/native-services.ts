/** Drover's own registry: what is registered with provider "nomad". nomad.md §3.2. */
import type { ServiceRegistration } from "#model";
import type { Snapshot } from "#state";
import { reading } from "../blocking.ts";
import { empty, list, type Call, type Handler } from "../call.ts";
import { visible, type Sees } from "../guard/visible.ts";
import { choose } from "../listing/choose.ts";
import { byText, compareText } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { requireServer } from "../require.ts";
import { jobIdOf } from "./job-of.ts";

/** A name with the tags of all that bear it. */
interface NamedService {
  readonly Namespace: string;
  readonly ServiceName: string;
  readonly Tags: readonly string[];
}

export const listServices: Handler = reading(["services"], (snapshot, call) => {
  const index = snapshot.tableIndex("services");
  return {
    index,
    async answer() {
      const found = await page(call, namesOf(snapshot, call.namespace), byText(nameKey), seesOf(call));
      const namespaces = Map.groupBy(found.items, ({ Namespace }) => Namespace);
      const answer = [...namespaces].map(([Namespace, names]) => ({
        Namespace,
        Services: names.map(({ ServiceName, Tags }) => ({ ServiceName, Tags })),
      }));
      return list(answer, (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
    },
  };
});

function* namesOf(snapshot: Snapshot, namespace: string): Generator<NamedService> {
  let last: { readonly Namespace: string; readonly ServiceName: string; readonly tags: Set<string> } | undefined;
  const whole = () => last && { Namespace: last.Namespace, ServiceName: last.ServiceName, Tags: [...last.tags].sort(compareText) };
  for (const { Namespace, ServiceName, Tags } of snapshot.services(namespace)) {
    if (last?.ServiceName !== ServiceName || last.Namespace !== Namespace) {
      const before = whole();
      if (before !== undefined) yield before;
      last = { Namespace, ServiceName, tags: new Set() };
    }
    for (const tag of Tags) last.tags.add(tag);
  }
  const rest = whole();
  if (rest !== undefined) yield rest;
}

export const readService: Handler = listing(
  (snapshot, call) => snapshot.servicesByName(call.namespace, call.parameters["name"] ?? ""),
  (found, call) => (call.query.has("choose") ? choose(found, call.query.text("choose")) : found),
);
export const listOfJob: Handler = listing((snapshot, call) => snapshot.servicesByJob(call.namespace, jobIdOf(call)));
export const listOfAllocation: Handler = listing((snapshot, call) => snapshot.servicesByAllocation(call.parameters["id"] ?? ""));

function listing(
  source: (snapshot: Snapshot, call: Call) => Iterable<ServiceRegistration>,
  shown: (found: readonly ServiceRegistration[], call: Call) => readonly ServiceRegistration[] = (found) => found,
): Handler {
  return reading(["services"], (snapshot, call) => {
    const index = snapshot.tableIndex("services");
    return {
      index,
      async answer() {
        const found = await page(call, source(snapshot, call), byText(registrationKey), seesOf(call));
        return list(shown(found.items, call), (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
      },
    };
  });
}

/** Tasks see the services of their own namespace. */
function seesOf({ grant }: Call): Sees | undefined {
  return visible(grant, ["read-job"], true);
}

function nameKey({ Namespace, ServiceName }: NamedService): string {
  return [Namespace, ServiceName].join("\u0000");
}
function registrationKey({ Namespace, ServiceName, ID }: ServiceRegistration): string {
  return [Namespace, ServiceName, ID].join("\u0000");
}

export const deleteService: Handler = async (call, context) => {
  const { name = "", id = "" } = call.parameters;
  const { Index } = await requireServer(context).deleteService(call.namespace, name, id);
  return empty({ index: Index });
};
