/** The API in front of access control as the servers have it, over a state that is alone. */
import { createApi, type AgentFacts, type Api } from "#api/server";
import type { Server } from "#server";
import type { AccessParts } from "../../../src/server/access/parts.ts";
import { accessWorld, type AccessWorld } from "../server/access/world.ts";

export interface AccessApi {
  readonly api: Api;
  readonly world: AccessWorld;
  /** The first management token's secret. */
  readonly root: string;
  ask(method: string, url: string, options?: { readonly token?: string; readonly body?: unknown }): Promise<Answer>;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  json<T>(): T;
}

export async function accessApi(parts: Partial<AccessParts> = {}): Promise<AccessApi> {
  const world = accessWorld(parts);
  const { cluster, clock, random } = world.parts;
  const api = createApi({
    server: { access: { ...world.access, enabled: true } } as unknown as Server,
    cluster: Object.assign(cluster, { leaderAddress: "127.0.0.1:4647", lastContactMs: () => 0 }),
    localNode: null,
    agent: { member: () => ({ Tags: {} }) } as unknown as AgentFacts,
    clock,
    random,
    region: "global",
    datacenter: "dc1",
  });
  const ask: AccessApi["ask"] = async (method, url, { token = "", body } = {}) => {
    const answer = await api.inject({
      method: method as "GET",
      url,
      headers: token === "" ? {} : { "x-nomad-token": token },
      ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, text: answer.body, json: () => answer.json() };
  };
  const made = await ask("PUT", "/v1/acl/bootstrap");
  return { api, world, root: made.json<{ SecretID: string }>().SecretID, ask };
}
