/** A write that was refused because the variable is not as its writer believes, in words. */
import { ApiError } from "#api/client";
import { NamedError } from "#std";
import type { Context } from "./command.ts";
import { timestamp } from "./render/time.ts";

/** The error to throw for what a write rejected with: a conflict says what is there now, without what it holds. */
export async function explainConflict(
  context: Context,
  error: unknown,
  what: { readonly verb: string; readonly path: string; readonly namespace: string | undefined; readonly checkIndex: number | undefined },
): Promise<unknown> {
  if (!(error instanceof ApiError) || error.status !== 409) return error;
  const { verb, path, namespace, checkIndex } = what;
  const query = { prefix: path, ...(namespace === undefined ? {} : { namespace }) };
  const now = (await context.api.variables.list(query)).value.find((each) => each.Path === path);
  const cannot = `Cannot ${verb} variable ${JSON.stringify(path)}`;
  if (now?.Lock !== undefined) {
    return new NamedError("VARIABLE_LOCKED", `${cannot}: it is locked`, {
      statusCode: 409,
      fix: `Try again when its holder has released it, or was lost (after ${now.Lock.TTL}).`,
    });
  }
  const index = now?.ModifyIndex ?? 0;
  const since = now === undefined ? "it does not exist" : `last written at ${timestamp(now.ModifyTime)}`;
  return new NamedError("VARIABLE_CONFLICT", `${cannot}: its check index is ${index} (${since}), wanted ${checkIndex ?? "another"}`, {
    statusCode: 409,
    fix: `Look at what is there (drover var get ${path}); to ${verb} it all the same add -check-index=${index}${verb === "store" ? ", or -force" : ""}.`,
  });
}
