/**
 * The node's DNS: names below our domain from the registry, `.consul` from Consul's DNS, everything else from the machine's own servers, so
 * that a task may use it as its only one.
 *
 *   question ──► ours?  ──► answered from memory (never older than what the servers sent)
 *            └─► .consul ──► Consul        └─► else ──► the machine's nameservers, in order
 *
 * A question that cannot be asked on is answered SERVFAIL within the time limit; at most WAITING_MAX wait at one time.
 */
import type { DnsEndpoint, DnsListener, Random } from "#ports";
import { messageOf } from "#std";
import type { Report } from "../world.ts";
import { answerTo, type Zone } from "./answer.ts";
import type { ServiceDirectory } from "./directory.ts";
import { readQuestion, writeRefusal, writeReply } from "./wire-form.ts";

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
  const zone = (): Zone => ({
    domain: needs.domain,
    find: (namespace, name) => needs.directory.find(namespace, name),
    serial: needs.directory.index,
    shuffled: (instances) => shuffled(instances, needs.random),
  });

  async function answer(bytes: Uint8Array, transport: "udp" | "tcp"): Promise<Uint8Array | undefined> {
    const asked = readQuestion(bytes);
    if (asked === undefined) return undefined;
    if ("malformed" in asked) return writeRefusal({ id: asked.malformed }, asked.code);
    const own = answerTo(asked.question, zone());
    if (own !== undefined) {
      counts.own++;
      return writeReply(asked, own, transport);
    }
    if (waiting >= WAITING_MAX) {
      counts.failed++;
      return writeRefusal(asked, "SERVFAIL");
    }
    waiting++;
    try {
      const reply = await askOn(asked.question.name, bytes, transport);
      counts[reply === undefined ? "failed" : "forwarded"]++;
      return reply ?? writeRefusal(asked, "SERVFAIL");
    } finally {
      waiting--;
    }
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

/** Every order is as likely: who takes the first is spread over all. */
function shuffled<Item>(items: readonly Item[], random: Random): readonly Item[] {
  const all = [...items];
  for (let last = all.length - 1; last > 0; last--) {
    const other = Math.floor(random.fraction() * (last + 1));
    [all[last], all[other]] = [all[other] as Item, all[last] as Item];
  }
  return all;
}
