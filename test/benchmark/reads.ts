/**
 * Reading at scale (F60): all pages of 100,000 allocations, and 1,000 blocking queries that one change wakes. The server is a process
 * of its own (reads-server.ts), this one is the client; a page is timed until its last byte is parsed.
 */
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { Agent, get } from "node:http";
import { join } from "node:path";
import { percentile, type Benchmark, type Figure } from "./figure.ts";

const PER_PAGE = 1000;
const WAITERS = 1000;
const ROUNDS = 5;
const SETTLE_MS = 700;
const START_TIMEOUT_MS = 120_000;

interface Started {
  readonly address: string;
  readonly index: number;
}

export const reads: Benchmark = {
  name: "reads",
  about: `100,000 allocations in pages of ${PER_PAGE}; ${WAITERS} blocking queries, one change`,
  async run() {
    const server = fork(join(import.meta.dirname, "reads-server.ts"), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const agent = new Agent({ keepAlive: true, maxSockets: WAITERS + 1, maxFreeSockets: WAITERS + 1 });
    try {
      const [started] = (await once(server, "message", { signal: AbortSignal.timeout(START_TIMEOUT_MS) })) as [Started];
      return [...(await pageFigures(started.address, agent)), ...(await wakeFigures(server, started, agent))];
    } finally {
      agent.destroy();
      server.kill("SIGKILL");
    }
  },
};

interface Read {
  readonly body: string;
  readonly index: number;
  readonly nextToken: string;
}

function read(url: string, agent: Agent): Promise<Read> {
  return new Promise((resolve, reject) => {
    get(url, { agent }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("error", reject);
      response.on("end", () => {
        const body = Buffer.concat(parts).toString("utf8");
        if (response.statusCode !== 200) return reject(new Error(`GET ${url}: ${response.statusCode} ${body}`));
        const header = (name: string) => String(response.headers[name] ?? "");
        resolve({ body, index: Number(header("x-nomad-index")), nextToken: header("x-nomad-nexttoken") });
      });
    }).on("error", reject);
  });
}

async function pageFigures(address: string, agent: Agent): Promise<readonly Figure[]> {
  const times: number[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  let token = "";
  do {
    const started = performance.now();
    const page = await read(`${address}/v1/allocations?namespace=*&per_page=${PER_PAGE}&next_token=${encodeURIComponent(token)}`, agent);
    for (const { ID } of JSON.parse(page.body) as readonly { readonly ID: string }[]) seen.add(ID);
    times.push(performance.now() - started);
    bytes = Math.max(bytes, page.body.length);
    token = page.nextToken;
  } while (token !== "");
  if (seen.size !== 100_000) throw new Error(`the pages held ${seen.size} allocations, wanted 100,000`);
  return [
    {
      bench: `allocations, a page of ${PER_PAGE} of 100,000, median`,
      value: percentile(times, 50),
      unit: "ms",
      reference: null,
      goal: "≤ 50",
    },
    { bench: "the same, p99", value: percentile(times, 99), unit: "ms", reference: null, goal: "" },
    { bench: "the same, largest answer", value: bytes / 1024, unit: "KiB", reference: null, goal: "≤ 1024" },
  ];
}

/** From the moment the change is asked for to the last of the answers. The median of ROUNDS. */
async function wakeFigures(server: ChildProcess, { address }: Started, agent: Agent): Promise<readonly Figure[]> {
  const times: number[] = [];
  const computed: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const { index } = await read(`${address}/v1/job/job-0`, agent);
    const waiting = Array.from({ length: WAITERS }, () => read(`${address}/v1/job/job-0?index=${index}&wait=60s`, agent));
    // Until every query is there and waits.
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const started = performance.now();
    const before = await computedMs(server, { change: true });
    for (const answer of await Promise.all(waiting)) if (answer.index <= index) throw new Error("a query came back without a change");
    times.push(performance.now() - started);
    computed.push((await computedMs(server, {})) - before);
  }
  const wall = {
    bench: `${WAITERS} blocking queries woken by one change`,
    value: percentile(times, 50),
    unit: "ms",
    reference: null,
    goal: "≤ 100",
  };
  return [wall, { ...wall, bench: "the same, computing of the server", value: percentile(computed, 50) }];
}

async function computedMs(server: ChildProcess, question: { readonly change?: true }): Promise<number> {
  const answer = once(server, "message") as Promise<[{ readonly computedMs: number }]>;
  server.send(question);
  return (await answer)[0].computedMs;
}
