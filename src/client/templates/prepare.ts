/** The templates of a task as they are worked with: places checked, text read, times in milliseconds. nomad.md §1.10. */
import assert from "node:assert";
import type { Template } from "#model";
import { NamedError, textOf } from "#std";
import type { ExecutionContext } from "../execution/context.ts";
import { visiblePaths } from "../execution/place.ts";
import { destinationOf, sourceOf, type TemplatePaths } from "./paths.ts";
import { waitOf } from "./quiet.ts";
import { SOURCE_BYTES_MAX, type PreparedTemplate } from "./task-templates.ts";

/** Rejects with NamedErrors FILE_OUTSIDE, FILE_NOT_FOUND, TEMPLATE_INVALID. */
export async function prepareTemplates(context: ExecutionContext): Promise<readonly PreparedTemplate[]> {
  const { world, task, allocationDirectory, driver, environment } = context;
  assert(driver !== undefined && environment !== undefined, "the driver and environment steps come before");
  const paths: TemplatePaths = {
    names: environment.names,
    allocationDirectory,
    task: task().Name,
    visible: visiblePaths(allocationDirectory, task().Name, driver.capabilities.isolation),
  };
  const prepared: PreparedTemplate[] = [];
  for (const [index, template] of (task().Templates ?? []).entries()) {
    const destination = destinationOf(template.DestPath, paths);
    prepared.push({
      name: `template.${index}`,
      template,
      text: await sourceTextOf(context, template, paths),
      destination,
      mode: modeOf(template),
      owner: ownerOf(template),
      wait: waitOf(template.Wait, world.settings.template),
    });
  }
  return prepared;
}

async function sourceTextOf({ world }: ExecutionContext, { EmbeddedTmpl, SourcePath }: Template, paths: TemplatePaths): Promise<string> {
  if (SourcePath === "") return EmbeddedTmpl;
  const { root, path } = sourceOf(SourcePath, paths, world.settings.template.sandboxDisabled);
  const bytes = await world.disk.readWhole(root, path, SOURCE_BYTES_MAX);
  if (bytes !== undefined) return textOf(bytes);
  throw new NamedError("FILE_NOT_FOUND", `Cannot read template source "${SourcePath}": there is no such file in the task's directory`, {
    statusCode: 404,
    fix: "Let an artifact bring it, or write the template into `data`.",
  });
}

function modeOf({ Perms, DestPath }: Template): number {
  const mode = Perms === "" ? 0o644 : Number.parseInt(Perms, 8);
  if (/^[0-7]{0,5}$/.test(Perms) && mode <= 0o7777) return mode;
  throw new NamedError("TEMPLATE_INVALID", `Cannot write template "${DestPath}": perms are "${Perms}", wanted octal digits like "0644"`);
}

/** A group alone leaves the user as he is: the agent. */
function ownerOf({ Uid, Gid }: Template): string {
  if (!isId(Uid) && !isId(Gid)) return "";
  return `${isId(Uid) ? Uid : 0}:${isId(Gid) ? Gid : 0}`;
}

/** -1 is Nomad's way to say none. */
function isId(id: number | null | undefined): id is number {
  return typeof id === "number" && id >= 0;
}
