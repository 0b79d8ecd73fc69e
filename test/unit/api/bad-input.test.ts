import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import { request } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import * as fc from "fast-check";
import { testScale } from "../../scale.ts";
import { createWorld, type World } from "./fake-world.ts";

let world: World;
let port: number;
before(async () => {
  world = createWorld();
  const [opened] = await world.api.listen([{ host: "127.0.0.1", port: 0 }]);
  port = (opened as { port: number }).port;
});
after(() => world.api.close());

const put = (url: string, payload: string | Buffer, headers: Record<string, string> = {}) =>
  world.api.inject({ method: "PUT", url, payload, headers });

const BODIES: readonly (readonly [what: string, payload: string | Buffer, reason: RegExp])[] = [
  ["nothing", "", /empty, wanted a JSON object/],
  ["half an object", '{"Job": {', /Cannot read request body: .*JSON/],
  ["a list", "[1,2]", /a list, wanted a JSON object/],
  ["a string", '"x"', /a string, wanted a JSON object/],
  ["null", "null", /null, wanted a JSON object/],
  ["no job", "{}", /Job must be specified/],
  ["a job that is a string", '{"Job": "x"}', /field "Job" is a string, wanted an object/],
  ["a job that is a list", '{"Job": []}', /field "Job" is a list/],
  ["a job without an id", '{"Job": {}}', /Job ID must be specified/],
  ["an index that is text", '{"Job": {"ID": "x"}, "JobModifyIndex": "5"}', /field "JobModifyIndex" is a string, wanted a whole number/],
  ["an index that is no whole number", '{"Job": {"ID": "x"}, "JobModifyIndex": 5.5}', /5.5, wanted a whole number/],
  ["a flag that is a number", '{"Job": {"ID": "x"}, "EnforceIndex": 1}', /field "EnforceIndex" is a number, wanted a boolean/],
  ["binary junk", Buffer.from([0, 255, 254, 1, 2, 3, 128]), /not UTF-8/],
  ["text junk", "\u0000\u0001\u0002", /Cannot read request body/],
  ["brackets without end", "[".repeat(100_000), /nested more than 200 deep/],
  ["a nest of objects", `${'{"a":'.repeat(300)}1${"}".repeat(300)}`, /nested more than 200 deep/],
  ["a prototype", '{"Job": {"ID": "x", "__proto__": {"polluted": true}}}', /__proto__/],
  ["an escaped prototype", '{"Job": {"ID": "x", "\\u005f_proto_\\u005f": {"polluted": true}}}', /__proto__/],
];

for (const [what, payload, reason] of BODIES) {
  for (const url of ["/v1/jobs", "/v1/validate/job", "/v1/job/x/plan"]) {
    if (url !== "/v1/jobs" && /index|flag/.test(what)) continue;
    test(`A body of ${what} is refused by ${url} with 400 and the reason`, async () => {
      const before = world.asked.length;
      const response = await put(url, payload);
      assert.equal(response.statusCode, 400, response.body);
      assert.match(response.body, reason);
      assert.equal(response.headers["content-type"], "text/plain; charset=utf-8");
      assert.doesNotMatch(response.body, /\n\s+at |[^\x20-\x7e]/);
      assert.equal(world.asked.length, before, "nothing was asked of the server");
    });
  }
}

test("A job of 10 MB is refused with 413 and the reason, over a socket, and nothing is asked of the server", async () => {
  const body = JSON.stringify({ Job: { ID: "big", Meta: { filler: "x".repeat(10 * 1024 * 1024) } } });
  for (const chunked of [false, true]) {
    const response = await fetch(`http://127.0.0.1:${port}/v1/jobs`, {
      method: "PUT",
      ...(chunked ? { body: new Blob([body]).stream(), duplex: "half" } : { body }),
    } as RequestInit);
    assert.equal(response.status, 413);
    assert.match(await response.text(), /^Cannot read request body: it has \d+ bytes, at most 8388608 are taken$/);
  }
  assert.equal(world.asked.length, 0);
  assert.equal((await fetch(`http://127.0.0.1:${port}/v1/jobs`)).status, 200);
});

test("A client that leaves in the middle of its body is no fault of the agent's", async () => {
  const answers = new EventEmitter();
  const own = createWorld({ onAnswered: (what) => answers.emit("answered", what) });
  const [opened] = await own.api.listen([{ host: "127.0.0.1", port: 0 }]);
  for (const framing of ["content-length: 1000", "transfer-encoding: chunked"]) {
    const body = framing.startsWith("transfer") ? '7\r\n{"Job":\r\n' : '{"Job":';
    const socket = connect((opened as { port: number }).port, "127.0.0.1");
    await once(socket, "connect");
    const answered = once(answers, "answered");
    socket.end(`PUT /v1/jobs HTTP/1.1\r\nhost: localhost\r\n${framing}\r\n\r\n${body}`);
    const [{ method, path }] = (await answered) as [{ method: string; path: string }];
    assert.deepEqual([method, path], ["PUT", "/v1/jobs"]);
  }
  assert.deepEqual(own.faults, []);
  assert.equal(own.asked.length, 0);
  await own.api.close();
});

test("What is refused for its path or its body is told to who listens for answers, like any other", async () => {
  const told: string[] = [];
  const own = createWorld({ onAnswered: ({ method, path, status }) => void told.push(`${method} ${path} ${status}`) });
  await own.api.inject({ method: "GET", url: "/v1/nothing-here?token=x" });
  await own.api.inject({ method: "PUT", url: "/v1/jobs", payload: "x".repeat(9_000_000) });
  await own.api.inject({ method: "PUT", url: "/v1/jobs", payload: "x" });
  await own.api.close();
  assert.deepEqual(told, ["GET /v1/nothing-here 404", "PUT /v1/jobs 413", "PUT /v1/jobs 400"]);
});

test("An address or headers too long are told apart from what is not HTTP", async () => {
  const response = await new Promise<{ status: number | undefined; text: string }>((resolve, reject) => {
    request({ port, path: `/v1/jobs?filter=${"x".repeat(20_000)}` }, (got) => {
      let text = "";
      got.on("data", (chunk) => (text += String(chunk)));
      got.on("end", () => resolve({ status: got.statusCode, text }));
    })
      .on("error", reject)
      .end();
  });
  assert.equal(response.status, 431);
  assert.match(response.text, /more than 16 KB/);
});

test("What is not HTTP gets a line of text and the end", async () => {
  const answer = await new Promise<string>((resolve, reject) => {
    let text = "";
    const socket = connect(port, "127.0.0.1", () => socket.write("\x16\x03\x01\x02\x00nonsense\r\n\r\n"));
    socket.on("data", (chunk) => (text += chunk.toString()));
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
  });
  assert.match(answer, /^HTTP\/1\.1 400 /);
  assert.match(answer, /it is not HTTP\n$/);
});

test("Paths that leave the allocation never reach the node", async () => {
  const before = world.services.calls.length;
  for (const path of ["../etc/passwd", "/../x", "alloc/../../x", "..", "/alloc/./../../../root"]) {
    for (const verb of ["ls", "stat", "cat", "readat", "stream"]) {
      const response = await world.api.inject({
        method: "GET",
        url: `/v1/client/fs/${verb}/a1?offset=0&limit=1&path=${encodeURIComponent(path)}`,
      });
      assert.equal(response.statusCode, 403, `${verb} ${path}`);
      assert.match(response.body, /escapes the allocation directory/);
    }
  }
  assert.equal((await world.api.inject({ method: "GET", url: "/v1/client/fs/cat/a1?path=a%00b" })).statusCode, 400);
  assert.equal(world.services.calls.length, before);
});

const QUERIES: readonly (readonly [url: string, status: number, reason: RegExp])[] = [
  ["/v1/client/fs/cat/a1", 400, /must provide a file name/],
  ["/v1/client/fs/logs/a1?type=stdout", 400, /must provide task name/],
  ["/v1/client/fs/logs/a1?task=t", 400, /must provide log type/],
  ["/v1/client/fs/logs/a1?task=t&type=both", 400, /must provide log type/],
  ["/v1/client/fs/logs/a1?task=t&type=stdout&origin=middle", 400, /origin must be start or end/],
  ["/v1/client/fs/logs/a1?task=t&type=stdout&offset=-1", 400, /Invalid offset/],
  ["/v1/client/fs/logs/a1?task=nope&type=stdout", 404, /Unknown task/],
  ["/v1/client/fs/logs/nope?task=t&type=stdout", 404, /Unknown allocation "nope"/],
  ["/v1/client/fs/readat/a1?path=x&limit=1", 400, /must provide an offset/],
  ["/v1/client/fs/stat/a1?path=/missing", 404, /no such file/],
  ["/v1/client/fs/cat/a1?path=/missing", 404, /no such file/],
  ["/v1/client/stats?node_id=nope", 404, /Unknown node "nope"/],
  ["/v1/client/stats", 400, /Node ID missing/],
  ["/v1/event/stream?topic=Nonsense", 400, /Invalid topic "Nonsense"/],
  ["/v1/event/stream?index=x", 400, /Invalid index/],
  ["/v1/agent/monitor?log_level=loud", 400, /Unknown log level: loud/],
  ["/v1/agent/monitor?node_id=n&server_id=s", 400, /simultaneously/],
  ["/v1/agent/health?type=nonsense", 400, /Invalid type/],
  ["/v1/metrics?format=xml", 400, /Invalid format/],
  ["/v1/metrics?format=prometheus", 415, /Prometheus is not enabled/],
  ["/v1/allocation/nope", 404, /^alloc not found$/],
  ["/v1/evaluation/nope", 404, /^eval not found$/],
  ["/v1/node/nope", 404, /^node not found$/],
  ["/v1/deployment/nope", 404, /^deployment not found$/],
  ["/v1/job/web/submission?version=9", 404, /^job source not found$/],
  ["/v1/job/web/submission?version=x", 400, /Invalid version/],
];
for (const [url, status, reason] of QUERIES) {
  test(`GET ${url} is refused with ${status}`, async () => {
    const response = await world.api.inject({ method: "GET", url });
    assert.equal(response.statusCode, status, response.body);
    assert.match(response.body, reason);
  });
}

test("Writes with wrong words are refused before the server is asked", async () => {
  const before = world.asked.length;
  const writes = [
    ["/v1/node/n1/eligibility", { Eligibility: "maybe" }],
    ["/v1/operator/scheduler/configuration", { SchedulerAlgorithm: "random" }],
    ["/v1/operator/scheduler/configuration?cas=x", {}],
    ["/v1/search", { Prefix: "a", Context: "everything" }],
    ["/v1/job/x/plan", { Job: { ID: "y" } }],
    ["/v1/job/x", { Job: { ID: "y" } }],
    ["/v1/job/x/evaluate", { JobID: "y" }],
    ["/v1/jobs?namespace=*", { Job: { ID: "y" } }],
    ["/v1/jobs/parse", {}],
    ["/v1/client/allocation/a1/restart", { TaskName: "t", AllTasks: true }],
  ] as const;
  for (const [url, payload] of writes) {
    const response = await world.api.inject({ method: "PUT", url, payload });
    assert.equal(response.statusCode, 400, `${url}: ${response.body}`);
  }
  assert.equal((await world.api.inject({ method: "DELETE", url: "/v1/job/x?eval_priority=500" })).statusCode, 400);
  assert.equal(world.asked.length, before);
});

test("Values for variables that a job file does not declare are passed over when it is parsed", async () => {
  const payload = { JobHCL: 'variable "a" {}\njob "j" {\n meta { a = var.a }\n}', Variables: 'a = "1"\nb = "2"' };
  const response = await world.api.inject({ method: "POST", url: "/v1/jobs/parse", payload });
  assert.equal(response.statusCode, 200, response.body);
  assert.deepEqual((response.json() as { Meta: unknown }).Meta, { a: "1" });
});

test("Whatever the path, query and body: an answer below 500, in text, without a stack", async () => {
  const word = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom("v1", "job", "jobs", "node", "..", "%2e%2e", "%00", "client", "fs", "cat", "*", ":id"),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom("GET", "PUT", "DELETE"),
      fc.array(word, { maxLength: 6 }),
      fc.string({ maxLength: 30 }),
      fc.string({ maxLength: 40 }),
      async (method, words, query, body) => {
        const url = `/${words
          .map((each) =>
            encodeURI(each.replaceAll(/[\ud800-\udfff]/g, ""))
              .replaceAll("?", "")
              .replaceAll("#", ""),
          )
          .join("/")}?${encodeURI(query.replaceAll(/[\ud800-\udfff]/g, "")).replaceAll("#", "")}`;
        const response = await world.api.inject({ method: method as "GET", url, ...(method === "PUT" ? { payload: body } : {}) });
        assert.ok(response.statusCode < 500 || response.statusCode === 501, `${method} ${url} → ${response.statusCode} ${response.body}`);
        if (response.statusCode >= 400) assert.doesNotMatch(response.body, /\n\s+at /);
      },
    ),
    { numRuns: 150 * testScale() },
  );
  assert.deepEqual(world.faults, []);
});
