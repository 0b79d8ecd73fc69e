/** Whatever is asked over HTTP, by whomever: no crash, no stack, nothing changed by what was refused, and nothing left of it. */
import assert from "node:assert/strict";
import http from "node:http";
import { test } from "node:test";
import { eventually } from "../eventually.ts";
import { sayBroken } from "./broken-http.ts";
import { anyRequest, type FuzzRequest } from "./http-requests.ts";
import { chance, COUNT, SEED } from "./seeded.ts";
import { startServer } from "./server-under-test.ts";

/** At the same time. */
const WORKERS = 12;
/** A stream, or somebody who waits: who asked goes away. */
const GONE_MS = 250;
const STRANGERS = ["", "x", "11111111-2222-4333-8444-555555555555", "a.b.c", "eyJhbGciOiJub25lIn0.e30."];
/** What is made is kept: jobs and their evaluations, policies, tokens. */
const LEAKED_MB = 200 + COUNT / 5_000;

interface Answer {
  readonly status: number;
  readonly code: string;
  readonly text: string;
}

test(
  `${COUNT} requests that are a little off leave a server as it was (seed ${SEED})`,
  { timeout: Math.max(240_000, COUNT * 20) },
  async (t) => {
    let phase = 0;
    const server = await startServer(t);
    const agent = new http.Agent({ keepAlive: true, maxSockets: WORKERS });
    t.after(() => agent.destroy());
    const explain = (request: FuzzRequest, answer: Answer) =>
      `${request.method} ${request.target}\n${JSON.stringify(request.headers)}\n${Buffer.from(request.body ?? [])
        .toString()
        .slice(0, 2_000)}\n→ ${answer.status} ${answer.code} ${answer.text.slice(0, 500)}\n${server.agent.output().slice(-2_000)}`;
    const statuses = new Map<string, number>();
    const many = async (count: number, tokens: readonly string[], allowed: (request: FuzzRequest, answer: Answer) => boolean) => {
      let left = count;
      phase++;
      const worker = async (_: unknown, number: number): Promise<void> => {
        const by = chance(SEED + phase * 1_000 + number);
        while (left-- > 0) {
          if (by.rarely(25)) {
            const said = await sayBroken(server.port, by);
            assert.ok(said === "" || /^HTTP\/1\.[01] \d{3} /.test(said), said.slice(0, 200));
            assert.doesNotMatch(said, /\n\s+at |node:internal|^HTTP\/1\.1 500/);
            continue;
          }
          const request = anyRequest(by, tokens);
          const answer = await ask(server.port, agent, request, by.rarely(60) ? by.below(10) : GONE_MS);
          const kind =
            answer.status === 0 ? "gone" : answer.status < 500 ? `${Math.floor(answer.status / 100)}xx` : `${answer.status} ${answer.code}`;
          statuses.set(kind, (statuses.get(kind) ?? 0) + 1);
          assert.ok(!/API_FAULT/.test(answer.code) && !/\n\s+at |node:internal|file:\/\//.test(answer.text), explain(request, answer));
          assert.ok(answer.status < 500 || answer.status === 501 || answer.code !== "", explain(request, answer));
          assert.ok(allowed(request, answer), explain(request, answer));
        }
      };
      await Promise.all(Array.from({ length: WORKERS }, worker));
    };

    await many(COUNT / 10, [...STRANGERS, server.token], () => true);
    await server.healthy();
    const [rss, files] = [server.rssMB(), server.files()];

    await t.test("strangers change nothing", async () => {
      // What the ones before made has come to rest.
      let before = "";
      await eventually("the state to rest", async () => before === (before = await server.state()), 30_000);
      const open =
        /^\/(v1\/(status|acl\/(login|oidc|auth-methods|bootstrap|token\/onetime\/exchange)|agent\/health|regions|jobs\/parse|validate)|\.well-known)/;
      await many(Math.ceil(COUNT * 0.3), STRANGERS, ({ method, target }, { status }) => {
        return status >= 400 || status === 0 || method === "GET" || method === "HEAD" || method === "OPTIONS" || open.test(target);
      });
      assert.equal(await server.state(), before);
    });
    await t.test("who may do everything breaks nothing", () =>
      many(Math.ceil(COUNT * 0.6), [server.token, server.token, server.token, ""], () => true),
    );

    await server.healthy();
    agent.destroy();
    await eventually("no descriptor to be left", () => server.files() <= files + 3, 30_000);
    const grown = server.rssMB() - rss;
    t.diagnostic(
      `${JSON.stringify(Object.fromEntries(statuses))}; RSS ${Math.round(rss)} MB, then ${Math.round(grown)} MB more; ${files} files, then ${server.files()}`,
    );
    assert.ok(grown < LEAKED_MB, `${Math.round(grown)} MB more than at first`);
    assert.doesNotMatch(server.agent.output(), /\[ERROR\]|Internal error|\n\s+at /);
    assert.equal(await server.agent.terminate(), 0);
  },
);

function ask(port: number, agent: http.Agent, { method, target, headers, body }: FuzzRequest, goneMs: number): Promise<Answer> {
  return new Promise((resolve) => {
    let text = "";
    let answer = { status: 0, code: "" };
    let late: NodeJS.Timeout | undefined;
    const over = (): void => {
      clearTimeout(timer);
      clearTimeout(late);
      resolve({ ...answer, text });
    };
    const length = body === undefined ? {} : { "content-length": String(body.length) };
    const request = http.request(
      { port, host: "127.0.0.1", agent, method, path: target, headers: { ...headers, ...length } },
      (response) => {
        answer = { status: response.statusCode ?? 0, code: String(response.headers["x-drover-error-code"] ?? "") };
        response.setEncoding("utf8").on("data", (part: string) => (text.length < 100_000 ? (text += part) : undefined));
        response.once("close", over).on("error", over);
      },
    );
    const timer = setTimeout(() => request.destroy(), goneMs < GONE_MS ? goneMs : 5_000);
    request.once("error", over);
    request.once("response", () => {
      late = setTimeout(() => request.destroy(), goneMs);
    });
    request.end(body);
  });
}
