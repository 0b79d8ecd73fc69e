/** `drover job init`: writes an example job file from templates/job. nomad.md §4.3. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { NamedError } from "#std";
import type { Command } from "../command.ts";

/** Name → what it shows; each is templates/job/<name>.nomad.hcl. */
export const JOB_TEMPLATES = {
  example: "a service, with a word about everything",
  short: "the same without the words",
  canary: "a service that is updated with a canary, and goes back by itself",
  batch: "work that ends",
  periodic: "work that the clock starts",
  parameterized: "work that is started with what to do",
  system: "one on every node",
  connect: "two services that talk over the mesh",
  "connect-short": "the same without the words",
} as const;

export const jobInit: Command = {
  usage: "job init [options] [<file>]",
  about: "Writes an example job file, example.nomad.hcl unless another name is given. A file that is there is left alone.",
  connects: false,
  flags: {
    short: { kind: "boolean", about: "Without the explanations" },
    connect: { kind: "boolean", about: "An example of two services in the mesh" },
    template: { kind: "text", value: "name", about: "Which example" },
    "list-templates": { kind: "boolean", about: "Name the examples" },
  },
  async run({ flags, terminal, arguments: words }) {
    if (flags.flag("list-templates")) {
      for (const [name, about] of Object.entries(JOB_TEMPLATES)) terminal.print(`${name.padEnd(13)} ${about}`);
      return 0;
    }
    const short = flags.flag("short");
    const name = flags.text("template") ?? (flags.flag("connect") ? (short ? "connect-short" : "connect") : short ? "short" : "example");
    if (!Object.hasOwn(JOB_TEMPLATES, name))
      throw new NamedError(
        "JOB_TEMPLATE_UNKNOWN",
        `Cannot write job template ${JSON.stringify(name)}: there are ${Object.keys(JOB_TEMPLATES).join(", ")}`,
      );
    const file = words[0] ?? "example.nomad.hcl";
    if (existsSync(file))
      throw new NamedError("JOB_FILE_EXISTS", `Cannot write ${JSON.stringify(file)}: it already exists`, {
        fix: "Name another file, or remove it first.",
      });
    const text = readFileSync(templatePath(name), "utf8");
    // Words about everything, without the words.
    const plain = flags.flag("short") && name !== "short" ? text.replace(/^ *#.*\n/gm, "").replace(/ +#[^"\n]*$/gm, "") : text;
    writeFileSync(file, plain, { flag: "wx" });
    terminal.print(`Example job file written to ${file}`);
    return 0;
  },
};

/** In a packed release templates/ lies beside the program, in the sources at their root. */
function templatePath(name: string): string {
  const roots = [import.meta.dirname, join(import.meta.dirname, "..", "..", "..")];
  const path = roots.map((root) => join(root, "templates", "job", `${name}.nomad.hcl`)).find((each) => existsSync(each));
  if (path === undefined)
    throw new NamedError(
      "JOB_TEMPLATE_UNKNOWN",
      `Cannot find the template ${JSON.stringify(name)}: this installation has no templates folder`,
    );
  return path;
}
