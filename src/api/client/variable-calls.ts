/** Variables and their locks. nomad.md §3.2. What they hold is a secret. */
import type { Variable, VariableMetadata } from "#model";
import { endpointPath, variableEndpointPath } from "../contract/mod.ts";
import { withParameters, type QueryOptions, type Requester } from "./requester.ts";

/** What is sent; the rest of a variable is the servers'. */
export type VariableBody = Pick<Variable, "Path"> &
  Partial<Omit<Variable, "Path" | "Lock">> & { readonly Lock?: Partial<Variable["Lock"]> };

export function variableCalls(ask: Requester) {
  const at = (body: Pick<VariableBody, "Path">) => variableEndpointPath(body.Path);
  return {
    /** query.prefix: paths that begin with it. */
    list: (query?: QueryOptions) => ask.get<readonly VariableMetadata[]>(endpointPath("variables", {}), query),
    read: (path: string, query?: QueryOptions) => ask.get<Variable>(variableEndpointPath(path), query),
    /** ApiError of status 409 when it is not as `checkIndex` says (0: absent; undefined: however it is), or is locked. */
    write: (body: VariableBody, checkIndex?: number, query?: QueryOptions) =>
      ask.put<Variable>(at(body), body, withParameters(query, { cas: checkIndex })),
    delete: (path: string, checkIndex?: number, query?: QueryOptions) =>
      ask.delete<null>(variableEndpointPath(path), withParameters(query, { cas: checkIndex })),
    /** 409: another holds it. The answer's Lock.ID is for renew, release and write. */
    acquireLock: (body: VariableBody, query?: QueryOptions) =>
      ask.put<Variable>(at(body), body, withParameters(query, { "lock-acquire": true })),
    renewLock: (body: VariableBody, query?: QueryOptions) =>
      ask.put<VariableMetadata>(at(body), body, withParameters(query, { "lock-renew": true })),
    releaseLock: (body: VariableBody, query?: QueryOptions) =>
      ask.put<VariableMetadata>(at(body), body, withParameters(query, { "lock-release": true })),
  };
}
