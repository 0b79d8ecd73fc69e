/** Variables over the HTTP API of a real agent, sealed and synced to its disk: written, read, listed. */
import { Agent, request } from "node:http";
import { startRealAgent } from "../live/real-agent.ts";
import { percentile, type Benchmark } from "./figure.ts";

const VARIABLES = 10_000;
const READS = 2_000;
const AT_ONCE = 16;
const PER_PAGE = 1_000;

export const secrets: Benchmark = {
  name: "secrets",
  about: `${VARIABLES} variables, ${AT_ONCE} requests at once`,
  async run() {
    const agent = await startRealAgent();
    const pool = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
    const ask = async (path: string, body?: unknown): Promise<{ readonly text: string; readonly next: string }> => {
      const { promise, resolve, reject } = Promise.withResolvers<{ readonly text: string; readonly next: string }>();
      const asked = request(agent.address + path, { agent: pool, method: body === undefined ? "GET" : "PUT" }, (answer) => {
        const parts: Buffer[] = [];
        answer.on("data", (part: Buffer) => void parts.push(part));
        answer.on("end", () => {
          const text = Buffer.concat(parts).toString();
          if (answer.statusCode === 200) resolve({ text, next: String(answer.headers["x-nomad-nexttoken"] ?? "") });
          else reject(new Error(`${path}: ${answer.statusCode} ${text}`));
        });
      });
      asked.on("error", reject);
      asked.end(body === undefined ? undefined : JSON.stringify(body));
      return promise;
    };
    const inParallel = async (count: number, perform: (index: number) => Promise<unknown>): Promise<readonly number[]> => {
      const times: number[] = [];
      const left = Array.from({ length: count }, (_, index) => index).values();
      await Promise.all(
        Array.from({ length: AT_ONCE }, async () => {
          for (const index of left) {
            const started = performance.now();
            await perform(index);
            times.push(performance.now() - started);
          }
        }),
      );
      return times;
    };
    try {
      const started = performance.now();
      const puts = await inParallel(VARIABLES, (index) =>
        ask(`/v1/var/bench/${index}`, { Items: { user: `u${index}`, password: `p${index}` } }),
      );
      const perSecond = VARIABLES / ((performance.now() - started) / 1000);
      const gets = await inParallel(READS, async (index) => {
        const { text } = await ask(`/v1/var/bench/${index * 5}`);
        if ((JSON.parse(text) as { Items: { password: string } }).Items.password !== `p${index * 5}`) throw new Error(text);
      });
      const whole = performance.now();
      const listed = (JSON.parse((await ask("/v1/vars")).text) as unknown[]).length;
      const wholeMs = performance.now() - whole;
      if (listed !== VARIABLES) throw new Error(`${listed} are listed`);
      const pages: number[] = [];
      for (let next: string | undefined; next !== "";) {
        const before = performance.now();
        const page: { readonly text: string; readonly next: string } = await ask(
          `/v1/vars?per_page=${PER_PAGE}${next === undefined ? "" : `&next_token=${encodeURIComponent(next)}`}`,
        );
        next = page.next;
        JSON.parse(page.text);
        pages.push(performance.now() - before);
      }
      return [
        { bench: `variables: put, ${AT_ONCE} at once`, value: perSecond, unit: "/s", reference: null, goal: "≥ 500" },
        { bench: "variables: put p99", value: percentile(puts, 99), unit: "ms", reference: null, goal: "" },
        { bench: `variables: get p50, ${AT_ONCE} at once`, value: percentile(gets, 50), unit: "ms", reference: null, goal: "" },
        { bench: `variables: get p99, ${AT_ONCE} at once`, value: percentile(gets, 99), unit: "ms", reference: null, goal: "≤ 50" },
        { bench: `variables: list of ${VARIABLES}`, value: wholeMs, unit: "ms", reference: null, goal: "≤ 300" },
        { bench: `variables: page of ${PER_PAGE}, p50`, value: percentile(pages, 50), unit: "ms", reference: null, goal: "≤ 50" },
      ];
    } finally {
      pool.destroy();
      await agent.remove();
    }
  },
};
