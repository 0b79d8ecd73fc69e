/** What a `secret` block reads, and the names its values get: `secret.<name>.<key>`. Pure. nomad.md §1.10, §2.2. */
import type { Secret, Task } from "#model";
import type { Thing } from "#ports";
import { NamedError, nearest } from "#std";

/** Throws NamedError SECRET_INVALID. */
export function secretThing({ Name, Provider, Path, Config }: Secret): Thing {
  const namespace = typeof Config["namespace"] === "string" && Config["namespace"] !== "" ? Config["namespace"] : undefined;
  const options: Readonly<Record<string, string>> = namespace === undefined ? {} : { ns: namespace };
  const path = Path.replace(/^\/+|\/+$/g, "");
  if (Provider === "nomad") return { system: "nomad", kind: "variable", name: path, options };
  if (Provider !== "vault") throw invalid(Name, `its provider is "${Provider}", wanted "nomad" or "vault"`);
  const engine = Config["engine"] ?? "kv_v2";
  if (engine === "kv_v1") return { system: "vault", kind: "secret", name: path, options };
  if (engine !== "kv_v2") throw invalid(Name, `its engine is "${String(engine)}", wanted "kv_v1" or "kv_v2"`);
  const [mount = "", ...rest] = path.split("/");
  if (rest.length === 0) throw invalid(Name, `its path is "${Path}", wanted <mount>/<path>`);
  const name = rest[0] === "data" ? path : [mount, "data", ...rest].join("/");
  return { system: "vault", kind: "secret", name, options };
}

/** undefined: what is there has no values. */
export function secretValues({ Provider, Config }: Secret, value: unknown): ReadonlyMap<string, string> | undefined {
  const items =
    Provider === "nomad" ? at(value, "Items") : Config["engine"] === "kv_v1" ? at(value, "Data") : at(at(value, "Data"), "data");
  if (typeof items !== "object" || items === null) return undefined;
  return new Map(Object.entries(items).map(([key, each]) => [key, textOf(each)]));
}

/** Of `${secret.…}` in the task: those that stay as they are written, since what was read has no such key. No value stands in it. */
export function unknownKeys(task: Task, names: ReadonlyMap<string, string>): readonly string[] {
  const written = JSON.stringify([task.Env, task.Config, task.Templates]).matchAll(/\$\{\s*(secret\.[^\s"{}\\]+)\s*\}/g);
  const unknown = [...new Set([...written].map((match) => match[1] as string))].filter((name) => !names.has(name));
  return unknown.map((name) => {
    const [, block = "", key = ""] = /^(secret\.[^.]*\.)(.*)$/s.exec(name) ?? [];
    const keys = [...names.keys()].flatMap((each) => (each.startsWith(block) ? [each.slice(block.length)] : []));
    const near = nearest(key, keys);
    return `\${${name}} stays as it is written: there is no such key${near === undefined ? "" : `, did you mean \${${block}${near}}?`}`;
  });
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  const number = at(value, "#number");
  if (typeof number === "string") return number;
  return value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value as number | boolean);
}

function at(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[key] : undefined;
}

function invalid(name: string, problem: string): NamedError {
  return new NamedError("SECRET_INVALID", `Cannot read secret "${name}": ${problem}`, { statusCode: 400 });
}
