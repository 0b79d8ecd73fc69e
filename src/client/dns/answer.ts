/**
 * Question → answer, for names below our domain. Pure but for the order of the answers, which is given.
 *
 * Times to live are 0: an instance that is gone is not handed out again. What is not there is answered with the domain's SOA, so that
 * resolvers know whose word it is. An instance whose address is a name is answered as a CNAME, or as an SRV target.
 */
import { isIPv4, isIPv6 } from "node:net";
import type { Answer, Question } from "dns-packet";
import type { ServiceRegistration } from "#model";
import { addressLabel, type Wanted, wantedBy } from "./names.ts";

const TTL_S = 0;
/** Resolvers need not ask again within a moment. */
const NEGATIVE_TTL_S = 0;
/** More than fit an answer over TCP, or a datagram of the largest size, are of no use to anybody. */
export const INSTANCES_MAX = { tcp: 512, udp: 64 } as const;
const HOST_NAME = /^(?=.{1,253}$)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\.?$/i;

export interface Zone {
  readonly domain: string;
  readonly find: (namespace: string, name: string) => readonly ServiceRegistration[];
  /** Raised with what is known, so that a secondary's question has an answer. */
  readonly serial: number;
  /** At most so many of them, in the order they are to be answered. */
  readonly chosen: <Item>(items: readonly Item[], most: number) => readonly Item[];
  /** How many of a service can be told. */
  readonly most: number;
}

export interface Reply {
  readonly code: "NOERROR" | "NXDOMAIN";
  readonly answers: readonly Answer[];
  readonly authorities: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** Undefined: not ours. */
export function answerTo(question: Question, zone: Zone): Reply | undefined {
  const wanted = wantedBy(question.name, zone.domain);
  if (wanted.kind === "foreign") return undefined;
  const found = lookUp(question, wanted, zone);
  if (found === undefined) return { code: "NXDOMAIN", answers: [], authorities: [authority(zone)], additionals: [] };
  const authorities = found.answers.length === 0 ? [authority(zone)] : [];
  return { code: "NOERROR", answers: found.answers, authorities, additionals: found.additionals };
}

interface Found {
  readonly answers: readonly Answer[];
  readonly additionals: readonly Answer[];
}

/** Undefined: there is no such name. */
function lookUp(question: Question, wanted: Wanted, zone: Zone): Found | undefined {
  switch (wanted.kind) {
    case "apex":
      return { answers: asksFor(question, "SOA") ? [authority(zone)] : asksFor(question, "NS") ? [nameServer(zone)] : [], additionals: [] };
    case "address":
      return { answers: addressRecord(question, question.name, wanted.address), additionals: [] };
    case "service":
      return services(question, wanted, zone);
    default:
      return undefined;
  }
}

function services(question: Question, wanted: Extract<Wanted, { kind: "service" }>, zone: Zone): Found | undefined {
  const all = zone.find(wanted.namespace, wanted.name);
  const instances = wanted.tag === "" ? all : all.filter((each) => each.Tags.some((tag) => tag.toLowerCase() === wanted.tag));
  if (instances.length === 0) return undefined;
  if (question.type === "SRV") return serviceRecords(question, zone.chosen(instances, zone.most), zone);
  if (!asksForAddress(question)) return { answers: [], additionals: [] };
  const addresses = zone.chosen(unique(instances.map((each) => each.Address)), zone.most);
  return { answers: addresses.flatMap((address) => addressRecord(question, question.name, address)), additionals: [] };
}

function serviceRecords(question: Question, instances: readonly ServiceRegistration[], zone: Zone): Found {
  const answers: Answer[] = [];
  const additionals: Answer[] = [];
  const told = new Set<string>();
  for (const { Address, Port } of instances) {
    const label = addressLabel(Address);
    const target = label === undefined ? Address : `${label}.addr.${zone.domain}`;
    if (!HOST_NAME.test(target) || !(Port >= 0 && Port <= 65_535)) continue;
    answers.push({ type: "SRV", name: question.name, ttl: TTL_S, data: { priority: 1, weight: 1, port: Port, target } });
    if (label === undefined || told.has(target)) continue;
    told.add(target);
    additionals.push(...addressRecord({ name: target, type: isIPv6(Address) ? "AAAA" : "A" }, target, Address));
  }
  return { answers, additionals };
}

/** [] where the question is for the other family. */
function addressRecord(question: Question, name: string, address: string): readonly Answer[] {
  if (isIPv4(address)) return asksFor(question, "A") ? [{ type: "A", name, ttl: TTL_S, data: address }] : [];
  if (isIPv6(address) && !address.includes("%"))
    return asksFor(question, "AAAA") ? [{ type: "AAAA", name, ttl: TTL_S, data: address }] : [];
  return HOST_NAME.test(address) ? [{ type: "CNAME", name, ttl: TTL_S, data: address }] : [];
}

// dns-packet answers "ANY" for the type 255, which its types leave out.
const asksFor = (question: Question, type: string) => question.type === type || (question.type as string) === "ANY";
const asksForAddress = (question: Question) => ["A", "AAAA", "CNAME"].some((type) => asksFor(question, type));
const unique = (addresses: readonly string[]) => [...new Set(addresses)];

function authority({ domain, serial }: Zone): Answer {
  return {
    type: "SOA",
    name: domain,
    ttl: NEGATIVE_TTL_S,
    data: {
      mname: `ns.${domain}`,
      rname: `hostmaster.${domain}`,
      serial,
      refresh: 3600,
      retry: 600,
      expire: 86_400,
      minimum: NEGATIVE_TTL_S,
    },
  };
}

const nameServer = ({ domain }: Zone): Answer => ({ type: "NS", name: domain, ttl: TTL_S, data: `ns.${domain}` });
