/** Any canonical Job, drawn from the schemas themselves: a field added to the model is drawn the same day. */
import fc from "fast-check";
import type { TSchema } from "typebox";
import { Job, Network, TaskGroup, Task, fieldsOf, nestedSchema, nestingOf, noteOf } from "#model";

const WORDS = fc.constantFrom(
  "a",
  "b",
  "web",
  "x y",
  "${attr.x}",
  "ü",
  'say "hi"\\',
  "one\ntwo\n\tthree\n",
  "EOT\nEOT \n",
  "${var.x} ${",
  "%{ if x }",
  "$${NOMAD_X}",
  "$",
  "\r\n\0",
  "__proto__",
  "for",
  "true",
  "5",
  '${env["HOME"]}/${NOMAD_ALLOC_ID}',
);
const NAMES = ["one", "two", "three"];

export function anyJob(): fc.Arbitrary<Job> {
  return noun(Job).map((job) => ({ ...job, ID: "job" }) as unknown as Job);
}

/** The job with one field somewhere drawn anew. */
export function anyEdit(job: Job): fc.Arbitrary<Job> {
  return anyJob().chain((other) =>
    fc
      .constantFrom(...fieldsOf(Job).map(([name]) => name))
      .map((name) => ({ ...job, [name]: other[name as keyof Job], ID: job.ID }) as Job),
  );
}

function noun(schema: TSchema): fc.Arbitrary<Record<string, unknown>> {
  const drawn = fc.record(Object.fromEntries(fieldsOf(schema).map(([name, field]) => [name, value(field)])));
  // The one among a task's identities that has no name.
  if (schema === (Task as TSchema)) {
    return drawn.map((task) => ({ ...task, Identity: task["Identity"] === null ? null : { ...(task["Identity"] as object), Name: "" } }));
  }
  // A label is used once, with a number or without.
  if (schema === (Network as TSchema)) {
    const labels = (ports: unknown) => (ports as { Label: string }[]).map((port) => port.Label);
    return drawn.map((network) => ({
      ...network,
      ReservedPorts: (network["ReservedPorts"] as { Label: string }[]).filter(
        (port) => !labels(network["DynamicPorts"]).includes(port.Label),
      ),
    }));
  }
  return drawn;
}

function value(field: TSchema): fc.Arbitrary<unknown> {
  const note = noteOf(field);
  const nested = nestedSchema(field);
  const fallback = note.default === undefined ? "" : note.default;
  if (note.hidden === true || note.server === true) return fc.constant(fallback);
  const seldom = (drawn: fc.Arbitrary<unknown>) =>
    fc.oneof({ weight: 4, arbitrary: fc.constant(fallback) }, { weight: 1, arbitrary: drawn });
  if (nested !== undefined) {
    if (nestingOf(field) === "one") return seldom(noun(nested));
    const label = note.label ?? "Name";
    const many = fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), noun(nested)), { maxLength: 2, selector: ([name]) => name });
    const named = many.map((list) => list.map(([name, each]) => (label in each ? { ...each, [label]: name } : each)));
    if (nestingOf(field) === "map") return seldom(named.map((list) => Object.fromEntries(list.map((each) => [each[label], each]))));
    return nested === (TaskGroup as TSchema) || nested === (Task as TSchema) ? named : seldom(named);
  }
  return seldom(plain(field));
}

function plain(field: TSchema): fc.Arbitrary<unknown> {
  const any = field as unknown as { type?: string; anyOf?: TSchema[]; items?: TSchema; patternProperties?: Record<string, TSchema> };
  const inner = any.anyOf?.find((each) => (each as { type?: string }).type !== "null");
  if (inner !== undefined) return plain(inner);
  switch (any.type) {
    case "string":
      return WORDS;
    case "integer":
      return fc.integer({ min: -2, max: 5 });
    case "boolean":
      return fc.boolean();
    case "array":
      return fc.array(plain(any.items as TSchema), { maxLength: 3 });
    case "object":
      return fc.dictionary(WORDS, plain(Object.values(any.patternProperties ?? {})[0] as TSchema), { maxKeys: 2 });
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

const SECOND = 1_000_000_000;

/** A job as a client may send it, which admission takes. */
export function admittableJob(): fc.Arbitrary<object> {
  const seconds = (min: number, max: number) => fc.integer({ min, max }).map((each) => each * SECOND);
  const some = <T>(drawn: fc.Arbitrary<T>) => fc.option(drawn, { nil: undefined, freq: 2 });
  const constraint = fc.record({
    LTarget: fc.constantFrom("${attr.kernel.name}", "${meta.rack}"),
    Operand: fc.constantFrom("=", "!=", "is", "regexp"),
    RTarget: WORDS.filter((word) => /^[a-z]+$/.test(word)),
  });
  const affinity = fc.record({ LTarget: fc.constant("${node.class}"), RTarget: fc.constant("a"), Weight: fc.constantFrom(-100, 50, 7) });
  const task = fc.record(
    {
      Driver: fc.constantFrom("exec", "raw_exec"),
      Config: fc.dictionary(WORDS, fc.jsonValue({ maxDepth: 2 }), { maxKeys: 3 }),
      Env: fc.dictionary(
        fc.constantFrom("A", "B_C", "x-y"),
        WORDS.filter((word) => !word.includes("\0")),
        { maxKeys: 2 },
      ),
      Meta: fc.dictionary(WORDS, WORDS, { maxKeys: 2 }),
      KillTimeout: seconds(1, 30),
      KillSignal: fc.constantFrom("", "SIGHUP", "SIGTERM"),
      Leader: fc.boolean(),
      Resources: fc.record({
        CPU: fc.integer({ min: 1, max: 500 }),
        MemoryMB: fc.integer({ min: 10, max: 512 }),
        MemoryMaxMB: fc.constantFrom(0, 600),
      }),
      LogConfig: fc.record({ MaxFiles: fc.integer({ min: 1, max: 4 }), Disabled: fc.boolean() }),
      RestartPolicy: fc.record({ Attempts: fc.constantFrom(1, 2), RenderTemplates: fc.boolean() }),
      Constraints: fc.array(constraint, { maxLength: 2 }),
      Affinities: fc.array(affinity, { maxLength: 1 }),
    },
    { requiredKeys: ["Driver"] },
  );
  const group = fc.record(
    {
      Count: fc.constantFrom(0, 1, 3),
      Tasks: fc
        .array(task, { minLength: 1, maxLength: 2 })
        .map((tasks) => tasks.map((each, index) => ({ ...each, Name: NAMES[index], Leader: index === 0 && each.Leader === true }))),
      Networks: fc.constantFrom(
        [],
        [{}],
        [{ DynamicPorts: [{ Label: "http" }, { Label: "web", Value: 8080, To: 80 }] }],
        [{ Mode: "host", MBits: 10 }],
      ),
      RestartPolicy: fc.record({ Attempts: fc.constantFrom(1, 5), Delay: seconds(1, 15), Mode: fc.constantFrom("fail", "delay") }),
      EphemeralDisk: fc.record({ SizeMB: fc.integer({ min: 200, max: 500 }), Sticky: fc.boolean() }),
      Meta: fc.dictionary(WORDS, WORDS, { maxKeys: 2 }),
      Spreads: fc.constantFrom([], [{ Attribute: "${node.datacenter}", Weight: 50, SpreadTarget: [{ Value: "x y", Percent: 40 }] }]),
      ShutdownDelay: seconds(0, 3),
      Disconnect: fc.record({ LostAfter: seconds(1, 3600), Replace: fc.boolean() }),
    },
    { requiredKeys: ["Tasks"] },
  );
  return fc
    .record(
      {
        Type: fc.constantFrom("service", "batch"),
        Priority: fc.integer({ min: 1, max: 100 }),
        Datacenters: fc.constantFrom([], ["*"], ["dc1", "dc2"]),
        AllAtOnce: fc.boolean(),
        Meta: fc.dictionary(WORDS, WORDS, { maxKeys: 2 }),
        Constraints: fc.array(constraint, { maxLength: 2 }),
        Groups: fc.array(group, { minLength: 1, maxLength: 2 }),
        Update: some(fc.record({ MaxParallel: fc.constantFrom(1, 2), AutoRevert: fc.boolean() })),
        UI: fc.record({ Description: WORDS, Links: fc.constantFrom([], [{ Label: "a", URL: "https://x/" }]) }),
      },
      { requiredKeys: ["Groups"] },
    )
    .map(({ Groups, Update, ...job }) => ({
      ...job,
      ID: "job",
      ...(Update === undefined || job.Type === "batch" ? {} : { Update }),
      TaskGroups: Groups.map((each, index) => ({ ...each, Name: NAMES[index] })),
    }));
}
