/**
 * Transcripts of admission: test/scenario/admission/*.txt, a job file as people write them, a line `----`, and what became of it: each
 * group's tasks, ports and what it needs of a node, the services' place in the mesh, warnings; or every mistake with its place.
 *
 * The good ones are the shapes of Nomad's published examples of networks and the mesh: they are admitted as they are.
 * DROVER_RECORD=1 writes what comes out into the transcripts: read the diff before you keep it.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { AdmissionError, admitJob, parseJob, renderDiagnostic } from "#jobspec";
import type { Job, Port, Service, Task } from "#model";

const CONTEXT = { defaultNamespace: "default", defaultRegion: "global", priorityDefault: 50, priorityMax: 100, countMax: 50_000 };
const SEPARATOR = "\n----\n";
const folder = join(import.meta.dirname, "admission");

for (const name of readdirSync(folder)
  .filter((each) => each.endsWith(".txt"))
  .sort()) {
  test(`admission ${name}`, () => {
    const path = join(folder, name);
    const [input = "", recorded = ""] = readFileSync(path, "utf8").split(SEPARATOR);
    const output = answer(input);
    if (process.env["DROVER_RECORD"] === "1") writeFileSync(path, `${input}${SEPARATOR}${output}\n`);
    else assert.equal(`${output}\n`, recorded);
    assert.equal(output.startsWith("group"), !name.startsWith("bad-"), "bad inputs give mistakes, the others a job");
  });
}

function answer(text: string): string {
  const parsed = parseJob({ text, fileName: "job.nomad.hcl", allowFileFunctions: false });
  try {
    const { job, warnings } = admitJob(parsed.job, CONTEXT);
    assert.deepEqual(admitJob(structuredClone(job), CONTEXT).job, job, "sent again it is the same");
    return [...job.TaskGroups.flatMap(groupLines), ...warnings.map((each) => `warning: ${each}`)].join("\n");
  } catch (thrown) {
    if (!(thrown instanceof AdmissionError)) throw thrown;
    return thrown.problems.map((problem) => located(parsed.placeOf, problem)).join("\n");
  }
}

type Group = Job["TaskGroups"][number];

function groupLines(group: Group): readonly string[] {
  return [
    `group ${group.Name}`,
    ...group.Tasks.map(taskLine),
    ...group.Networks.flatMap((network) => [
      `  network ${network.Mode || "host"}`,
      ...network.ReservedPorts.map(portLine),
      ...network.DynamicPorts.map(portLine),
    ]),
    ...[...group.Services, ...group.Tasks.flatMap((task) => task.Services)].flatMap(serviceLines),
    ...group.Constraints.map(({ LTarget, Operand, RTarget }) => `  needs ${LTarget} ${Operand} ${RTarget}`.trimEnd()),
  ];
}

function taskLine({ Name, Driver, Kind, Lifecycle, User, Resources, Config }: Task): string {
  const program = Config["image"] ?? Config["command"] ?? "";
  const hook = Lifecycle === null ? "" : `, ${Lifecycle.Hook}${Lifecycle.Sidecar ? " sidecar" : ""}`;
  const kind = Kind === "" ? "" : `, kind ${Kind}`;
  const user = User === "" ? "" : `, user ${User}`;
  return `  task ${Name}: ${Driver} ${String(program)}, ${Resources?.CPU} MHz, ${Resources?.MemoryMB} MB${hook}${kind}${user}`;
}

function portLine({ Label, Value, To, HostNetwork }: Port): string {
  return `    port ${Label}: ${Value === 0 ? "dynamic" : Value} to ${To}${HostNetwork === "default" ? "" : ` on ${HostNetwork}`}`;
}

function serviceLines({ Name, PortLabel, TaskName, Checks, Connect }: Service): readonly string[] {
  const proxy = Connect?.SidecarService?.Proxy;
  const binds = Object.values(Connect?.Gateway?.Proxy?.EnvoyGatewayBindAddresses ?? {});
  return [
    `  service ${Name}: port ${PortLabel}${TaskName === "" ? "" : `, task ${TaskName}`}`,
    ...Checks.map((check) => `    check ${check.Type} ${check.Path} at ${check.PortLabel}`),
    ...(proxy?.Expose?.Paths ?? []).map(
      (path) => `    exposes ${path.Protocol} ${path.Path}: ${path.ListenerPort} to ${path.LocalPathPort}`,
    ),
    ...(proxy?.Upstreams ?? []).map((upstream) => `    calls ${upstream.DestinationName} at ${upstream.LocalBindPort}`),
    ...(proxy?.TransparentProxy ? ["    transparent"] : []),
    ...binds.map((bind) => `    listens as ${bind.Name} at ${bind.Address}:${bind.Port}`),
  ];
}

/** As the CLI shows it: the sentence without its path, at the place the path leads to. */
function located(placeOf: ReturnType<typeof parseJob>["placeOf"], problem: string): string {
  const [, sentence = problem, field = ""] = /^(.*) \((\S*)\)$/s.exec(problem) ?? [];
  const place = placeOf(field);
  if (place === undefined) return problem;
  return renderDiagnostic({ severity: "error", summary: sentence, detail: "", start: place.start, end: place.end });
}
