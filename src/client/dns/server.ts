/**
 * The node's DNS: names below our domain from the registry, `.consul` from Consul's DNS, everything else from the machine's own servers, so
 * that a task may use it as its only one.
 *
 *   question ──► ours?  ──► answered from memory (never older than what the servers sent)
 *            └─► .consul ──► Consul        └─► else ──► the machine's nameservers, in order
 *
 * A question that cannot be asked on is answered SERVFAIL within the time limit; at most WAITING_MAX wait at one time. The same question (its
 * bytes) is asked on once at a time: one that comes back to us by way of others waits for itself, and goes round no further.
 */
import type { DnsEndpoint, DnsListener, Random } from "#ports";
import { messageOf } from "#std";
import type { Report } from "../world.ts";
import { answerTo, INSTANCES_MAX, type Zone } from "./answer.ts";
import type { ServiceDirectory } from "./directory.ts";
import { readQuestion, writeRefusal, writeReply, type Asked } from "./wire-form.ts";

const ASK_MS = 2_000;
const WAITING_MAX = 512;
const DNS_PORT = 53;

export interface DnsServerNeeds {
  readonly endpoint: DnsEndpoint;
  readonly directory: ServiceDirectory;
  readonly random: Random;
  readonly report: Report;
  readonly domain: string;
  readonly address: { readonly host: string; readonly port: number };
  /** Consul's DNS; undefined while there is none. */
  readonly consul: () => { readonly host: string; readonly port: number } | undefined;
}

export interface DnsServer extends DnsListener {
  /** Questions answered from memory, asked on, and refused. */
  readonly counts: Readonly<Record<"own" | "forwarded" | "failed", number>>;
}

export async function startDns(needs: DnsServerNeeds): Promise<DnsServer> {
  const counts = { own: 0, forwarded: 0, failed: 0 };
  let waiting = 0;
  const asking = new Map<string, Promise<Uint8Array | undefined>>();
  const zone = (transport: "udp" | "tcp"): Zone => ({
    domain: needs.domain,
    find: (namespace, name) => needs.directory.find(namespace, name),
    serial: needs.directory.index,
    chosen: (items, most) => chosen(items, most, needs.random),
    most: INSTANCES_MAX[transport],
  });

  async function answer(bytes: Uint8Array, transport: "udp" | "tcp"): Promise<Uint8Array | undefined> {
    const asked = readQuestion(bytes);
    if (asked === undefined) return undefined;
    if ("malformed" in asked) return writeRefusal({ id: asked.malformed }, asked.code);
    const own = answered(asked, transport);
    if (own !== undefined) return own;
    if (waiting >= WAITING_MAX) {
      counts.failed++;
      return writeRefusal(asked, "SERVFAIL");
    }
    waiting++;
    try {
      const reply = await askOnce(asked.question.name, bytes, transport);
      counts[reply === undefined ? "failed" : "forwarded"]++;
      return reply ?? writeRefusal(asked, "SERVFAIL");
    } finally {
      waiting--;
    }
  }

  /** Undefined: not ours. */
  function answered(asked: Asked, transport: "udp" | "tcp"): Uint8Array | undefined {
    try {
      const own = answerTo(asked.question, zone(transport));
      if (own === undefined) return undefined;
      counts.own++;
      return writeReply(asked, own, transport);
    } catch (thrown) {
      // Something stands in the registry that cannot be said in DNS: no reason to fall over.
      counts.failed++;
      needs.report({
        level: "warn",
        message: "a name could not be answered",
        fields: { name: asked.question.name, problem: messageOf(thrown) },
      });
      return writeRefusal({ id: asked.id }, "SERVFAIL");
    }
  }

  function askOnce(name: string, bytes: Uint8Array, transport: "udp" | "tcp"): Promise<Uint8Array | undefined> {
    const key = transport + Buffer.from(bytes).toString("latin1");
    const under = asking.get(key) ?? askOn(name, bytes, transport).finally(() => asking.delete(key));
    asking.set(key, under);
    return under;
  }

  /** Undefined: nobody answered. */
  async function askOn(name: string, bytes: Uint8Array, transport: "udp" | "tcp"): Promise<Uint8Array | undefined> {
    const consul = /(^|\.)consul\.?$/i.test(name);
    const servers = consul ? [needs.consul()].filter((each) => each !== undefined) : await needs.endpoint.upstreams(ourselves(listener));
    for (const server of servers) {
      const reply = await needs.endpoint.ask(server, bytes, transport, ASK_MS).catch((thrown: unknown) => {
        needs.report({
          level: "debug",
          message: "a nameserver did not answer",
          fields: { server: `${server.host}:${server.port}`, problem: messageOf(thrown) },
        });
        return undefined;
      });
      if (reply !== undefined) return reply;
    }
    return undefined;
  }

  const listener = await needs.endpoint.listen(needs.address, answer);
  return { host: listener.host, port: listener.port, counts, close: () => listener.close() };
}

/** Nameservers that would ask us back. */
function ourselves({ host, port }: DnsListener): readonly string[] {
  if (port !== DNS_PORT) return [];
  return host === "0.0.0.0" || host === "::" ? [host, "127.0.0.1", "::1"] : [host];
}

/** Every choice and every order is as likely: who takes the first is spread over all. */
function chosen<Item>(items: readonly Item[], most: number, random: Random): readonly Item[] {
  const all = [...items];
  const count = Math.min(most, all.length);
  for (let at = 0; at < count; at++) {
    const other = at + Math.floor(random.fraction() * (all.length - at));
    [all[at], all[other]] = [all[other] as Item, all[at] as Item];
  }
  return all.slice(0, count);
}
