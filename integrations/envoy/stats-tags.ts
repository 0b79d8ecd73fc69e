/**
 * How names of Envoy's numbers are taken apart into a name and labels, so that a dashboard made for Consul's proxies reads these too. Pure.
 *
 * Consul names a cluster `[hash~][subset.]service.namespace.[partition.]datacenter.routing.trust-domain.consul`. A tag's pattern has two groups: what is
 * taken out of the name, and (in it) the label's value. Between names stand dots, in names none.
 */
import type { JsonObject } from "./template.ts";

const NAME = "[^.]+";

/** One part of a cluster's name: how it is written when it is passed over, and when it is the one that is wanted. */
interface Part {
  readonly tag: string;
  readonly passed: string;
  readonly wanted: string;
}

const plain = (tag: string): Part => ({ tag, passed: NAME, wanted: `(${NAME})` });
const HASH: Part = { tag: "custom_hash", passed: `(?:${NAME}~)?`, wanted: `(?:(${NAME})~)?` };
const optional = (tag: string): Part => ({ tag, passed: `(?:${NAME}\\.)?`, wanted: `(?:(${NAME})\\.)?` });
const SUBSET = optional("service_subset");
const SERVICE = plain("service");
const NAMESPACE = plain("namespace");
const PARTITION = optional("partition");
const DATACENTER = plain("datacenter");
const ROUTING = plain("routing_type");
const TRUST = plain("trust_domain");
/** Only of clusters inside; what leads to peers is named otherwise. */
const INSIDE = "internal[^.]*";

/** What is under a name of before Consul 1.9 too. */
const FORMER = [HASH, SUBSET, SERVICE, NAMESPACE, DATACENTER, ROUTING, TRUST];
const PARTS = [HASH, SUBSET, SERVICE, NAMESPACE, PARTITION, DATACENTER, ROUTING, TRUST];

function clusterPattern(wanted: Part): string {
  const write = (part: Part): string => (part === wanted ? part.wanted : part.passed);
  const routing = wanted === PARTITION || wanted === DATACENTER ? INSIDE : write(ROUTING);
  return `(${target(write)}\\.${routing}\\.${write(TRUST)}\\.consul\\.)`;
}

function target(write: (part: Part) => string): string {
  return `${write(HASH)}${write(SUBSET)}${write(SERVICE)}\\.${write(NAMESPACE)}\\.${write(PARTITION)}${write(DATACENTER)}`;
}

const passed = (part: Part): string => part.passed;
const TARGET = `((${target(passed)})\\.${NAME}\\.${NAME}\\.consul\\.)`;
const FULL_TARGET = `((${target(passed)}\\.${NAME}\\.${NAME})\\.consul\\.)`;
/** A further name, or none. */
const MORE = `(?:\\.${NAME})?`;
const MORE_WANTED = `(?:\\.(${NAME}))?`;

function patterns(): readonly (readonly [tag: string, pattern: string])[] {
  const destination = "^cluster\\.(?:passthrough~)?";
  const former = "^cluster\\.";
  const upstream = "^(?:tcp|http)\\.upstream";
  const any = `${upstream}(?:_peered)?\\.`;
  const peer = ["consul.destination.peer", `${former}(${NAME}\\.(?:${NAME}\\.)?(${NAME})\\.external\\.${NAME}\\.consul\\.)`] as const;
  const parts = PARTS.map((part) => [`consul.destination.${part.tag}`, destination + clusterPattern(part)] as const);
  return [
    ...parts.slice(0, 6),
    peer,
    ...parts.slice(6),
    ["consul.destination.target", destination + TARGET],
    ["consul.destination.full_target", destination + FULL_TARGET],
    ["consul.upstream.service", `${any}((${NAME})${MORE}${MORE}\\.${NAME}\\.)`],
    ["consul.upstream.datacenter", `${upstream}\\.(${NAME}${MORE}${MORE}\\.(${NAME})\\.)`],
    ["consul.upstream.peer", `${upstream}_peered\\.(${NAME}${MORE}\\.(${NAME})\\.)`],
    ["consul.upstream.namespace", `${any}(${NAME}${MORE_WANTED}${MORE}\\.${NAME}\\.)`],
    ["consul.upstream.partition", `${upstream}\\.(${NAME}${MORE}${MORE_WANTED}\\.${NAME}\\.)`],
    ...FORMER.map((part) => [`consul.${part.tag}`, former + clusterPattern(part)] as const),
    ["consul.target", former + TARGET],
    ["consul.full_target", former + FULL_TARGET],
  ];
}

/** `own`: "name=value", of the job's author; they come first. */
export function statsTags(
  own: readonly string[],
  source: { readonly service: string; readonly namespace: string; readonly partition: string; readonly datacenter: string },
): readonly JsonObject[] {
  const fixed = (tag: string, value: string): JsonObject => ({ tag_name: tag, fixed_value: value });
  return [
    ...own.map((each) => {
      const at = each.indexOf("=");
      return at < 0 ? fixed(each, "1") : fixed(each.slice(0, at), each.slice(at + 1));
    }),
    ...patterns().map(([tag, regex]): JsonObject => ({ regex, tag_name: tag })),
    fixed("local_cluster", source.service),
    fixed("consul.source.service", source.service),
    fixed("consul.source.namespace", source.namespace),
    fixed("consul.source.partition", source.partition),
    fixed("consul.source.datacenter", source.datacenter),
  ];
}
