/** /v1/vars and /v1/var/:path. What they hold is told to who may read them, and is nowhere else. nomad.md §3.2, §7 "Variables". */
import type { SealedVariable } from "#model";
import type { Asker, VariableRequest, Variables, VariableWritten } from "#server";
import { reading } from "../blocking.ts";
import type { Body } from "../body.ts";
import { empty, list, value, type Call, type Context, type Handler, type Meta, type Result } from "../call.ts";
import { mayVariable, type VariableCapability } from "#access";
import { deniedFor } from "../guard/denied.ts";
import { accessOf } from "../guard/who.ts";
import { compareText, type Order } from "../listing/order.ts";
import { page } from "../listing/page.ts";
import { badRequest, notFound } from "../refusal.ts";
import { requireServer } from "../require.ts";

type Place = Pick<SealedVariable, "Namespace" | "Path">;

export const listVariables: Handler = async (call, context) => {
  const { variables } = requireServer(context);
  const asker = await askerOf(call, context, variables);
  if (call.namespace !== "*") variables.require(asker, { access: "list", Namespace: call.namespace, Path: "" });
  return listFor(variables, asker)(call, context);
};

function listFor(variables: Variables, asker: Asker): Handler {
  return reading(["variables"], (snapshot, call) => {
    const index = snapshot.tableIndex("variables");
    const prefix = call.query.text("prefix");
    return {
      index,
      async answer() {
        // Filters see what is told, never what is sealed.
        const shown = function* (from?: Place) {
          for (const each of snapshot.variables(call.namespace, prefix, from)) {
            const { Namespace, Path } = each;
            if (mayVariable(call.grant, Namespace, Path, "list") && variables.may(asker, { access: "list", Namespace, Path }))
              yield variables.metadata(each);
          }
        };
        const backwards = call.query.flag("reverse", false, true);
        const source = backwards
          ? shown()
          : { from: (token: string | undefined) => shown(token === undefined ? undefined : placeOf(token)) };
        const found = await page(call, source, byPlace);
        return list(found.items, (one) => JSON.stringify(one), { index, nextToken: found.nextToken });
      },
    };
  });
}

/** "default.app/config": names of namespaces hold no dots. */
const byPlace: Order<Place> = {
  sorted: true,
  compare: (a, b) => compareText(a.Namespace, b.Namespace) || compareText(a.Path, b.Path),
  token: ({ Namespace, Path }) => `${Namespace}.${Path}`,
  against(token) {
    const place = placeOf(token);
    return (item) => byPlace.compare(item, place);
  },
};

function placeOf(token: string): Place {
  const dot = token.indexOf(".");
  if (dot < 0) throw badRequest(`Invalid next_token: ${JSON.stringify(token.slice(0, 80))} is not from a page of this list`);
  return { Namespace: token.slice(0, dot) as Place["Namespace"], Path: token.slice(dot + 1) };
}

export const readVariable: Handler = async (call, context) => {
  const { variables } = requireServer(context);
  const asker = await askerOf(call, context, variables);
  const Path = pathOf(call);
  const Namespace = call.namespace;
  if (Namespace === "*") throw badRequest('Cannot read variable: namespace is "*", wanted one namespace');
  variables.require(asker, { access: "read", Namespace, Path });
  const read = reading(["variables"], (snapshot) => {
    const found = snapshot.variable(Namespace, Path);
    const index = found?.ModifyIndex ?? snapshot.tableIndex("variables");
    return {
      index,
      async answer() {
        if (found === undefined) throw notFound("variable not found");
        return value(await variables.open(found), { index });
      },
    };
  });
  return read(call, context);
};

const LOCK_OPERATIONS = { "lock-acquire": "acquire", "lock-renew": "renew", "lock-release": "release" } as const;

/** PUT: made or replaced, or something about its lock. */
export const writeVariable: Handler = async (call, context) => {
  const { variables } = requireServer(context);
  const asker = await askerOf(call, context, variables);
  const request = requestOf(call, bodyOf(call));
  // The body may name another namespace than the query.
  require(call, request, "write");
  const operations = Object.entries(LOCK_OPERATIONS).filter(([name]) => call.query.has(name));
  if (operations.length > 1) throw badRequest("Cannot use lock: several operations are asked for, wanted one");
  const operation = operations[0]?.[1];
  const checkIndex = checkIndexOf(call);
  if (operation !== undefined && checkIndex !== null) throw badRequest("Cannot use lock: cas is given too, wanted one of them");
  if (operation === undefined) return answered(tellable(await variables.put(asker, request, checkIndex), call));
  const written = tellable(await variables[operation](asker, request), call);
  // What is locked is told to who takes the lock; renewing and releasing tell of the lock alone.
  const { Namespace, Path } = request;
  return answered(written, operation !== "acquire" || !mayVariable(call.grant, Namespace, Path, "read"));
};

export const deleteVariable: Handler = async (call, context) => {
  const { variables } = requireServer(context);
  const asker = await askerOf(call, context, variables);
  const lockId = bodyOf(call, true).object("Lock")?.text("ID") ?? "";
  const place = { Namespace: call.namespace, Path: pathOf(call) };
  const done = await variables.delete(asker, place, { checkIndex: checkIndexOf(call), lockId });
  return done.ok ? empty({ index: done.Index, status: 204 }) : answered(tellable(done, call));
};

/** Where there is access control it has judged workloads by their policies and their own paths already. */
async function askerOf(call: Call, context: Context, variables: Variables): Promise<Asker> {
  return accessOf(context) === undefined ? variables.asker(call.token) : null;
}

function require(
  call: Call,
  { Namespace, Path }: { readonly Namespace: string; readonly Path: string },
  capability: VariableCapability,
): void {
  if (!mayVariable(call.grant, Namespace, Path, capability)) throw deniedFor({ kind: "variable", any: [capability] }, Namespace);
}

/** What stands in the way of a write is told with its items only to who may read them. */
function tellable(written: VariableWritten, { grant }: Call): VariableWritten {
  if (written.ok) return written;
  const { Namespace, Path } = written.Conflict;
  return mayVariable(grant, Namespace, Path, "read") ? written : { ...written, Conflict: { ...written.Conflict, Items: null } };
}

function answered(written: VariableWritten, withoutItems = false): Result {
  const meta: Meta = { index: written.Index };
  if (!written.ok) return value(written.Conflict, { ...meta, status: 409 });
  if (!withoutItems) return value(written.Variable, meta);
  const { Items: _items, ...rest } = written.Variable;
  return value(rest, meta);
}

function pathOf({ parameters }: Call): string {
  const path = (parameters["*"] ?? "").replace(/^\/+|\/+$/g, "");
  if (path === "") throw badRequest("Missing variable path");
  return path;
}

/** null: no ?cas. */
function checkIndexOf({ query }: Call): number | null {
  if (!query.has("cas")) return null;
  if (query.text("cas") === "") throw badRequest("Invalid cas: it is empty, wanted a whole number from 0 up");
  return query.whole("cas", 0);
}

/** What a parser says of a broken body quotes it: it may be a secret. */
function bodyOf(call: Call, optional = false): Body {
  if (call.bytes().length === 0) return call.body(optional);
  try {
    return call.body(optional);
  } catch (error) {
    const at = /position \d+/.exec(error instanceof Error ? error.message : "")?.[0];
    throw badRequest(`Cannot read request body: it is not JSON of a variable${at === undefined ? "" : ` (at ${at})`}`);
  }
}

function requestOf(call: Call, body: Body): VariableRequest {
  const Path = pathOf(call);
  const named = body.text("Path").replace(/^\/+|\/+$/g, "");
  if (named !== "" && named !== Path)
    throw badRequest(`Cannot store variable: its path is ${JSON.stringify(named.slice(0, 200))}, the request's another`);
  const lock = body.object("Lock");
  return {
    Namespace: body.text("Namespace") || call.namespace,
    Path,
    Items: body.textMap("Items"),
    Lock: { ID: lock?.text("ID") ?? "", TTL: lock?.text("TTL") ?? "", LockDelay: lock?.text("LockDelay") ?? "" },
  };
}
