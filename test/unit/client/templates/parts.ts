/** A template language small enough to see through, and a node with Consul's and Vault's things beside it. */
import { createMemoryThings, createMemoryTokenExchange, type MemoryThings, type MemoryTokenExchange } from "#integrations/memory";
import type { Identity, Template } from "#model";
import { thingKey, type Thing, type TokenExchange } from "#ports";
import type { Renderer, RenderRequest } from "#template";
import { createSeededRandom } from "../../../simulation/random.ts";
import { createStage, NANOSECONDS, type Agent, type Stage } from "../stage.ts";
import { anIdentity } from "../identity/nouns.ts";

export function keyThing(name: string): Thing {
  return { system: "consul", kind: "key", name, options: {} };
}
export function credentialsThing(name: string): Thing {
  return { system: "vault", kind: "secret", name, options: {} };
}

/**
 * `<key a>` is the value of a key (missing: waits) · `<or a>` the same, "" without one · `<creds a>` the username of a leased secret ·
 * `<env A>` a variable · `<now>` the time · `<number a>` fails unless the value is one · `<broken>` is no template
 */
export function smallRenderer(rendered: (request: RenderRequest) => void = () => {}): Renderer {
  return {
    async render(request) {
      rendered(request);
      const used: Thing[] = [];
      const missing: Thing[] = [];
      let failed = "";
      const look = (thing: Thing) => {
        used.push(thing);
        const value = request.facts.get(thingKey(thing))?.value;
        return value;
      };
      const text = request.text.replace(/<(\w+)(?: ([^>]*))?>/g, (_whole, word: string, name = "") => {
        if (word === "env") return request.environment[name] ?? "";
        if (word === "now") return String(request.nowMs);
        if (word === "broken") return ((failed = "TEMPLATE_SYNTAX"), "");
        const thing = word === "creds" ? credentialsThing(name) : keyThing(name);
        const value = look(thing) as string | { Data: { username: string } } | undefined;
        if (value === undefined && (word !== "or" || !request.facts.has(thingKey(thing)))) missing.push(thing);
        if (value === undefined) return "";
        if (typeof value === "object") return value.Data.username;
        if (word === "number" && !/^\d+$/.test(value)) failed = "TEMPLATE_FAILED";
        return value;
      });
      if (failed !== "") {
        const problem = { code: failed, message: "it cannot be: line 1", fix: "Mend it.", line: 1, column: 1 };
        return { what: "failed", problem, used };
      }
      return missing.length > 0 ? { what: "waiting", missing, used } : { what: "rendered", text, used };
    },
    close: async () => {},
  };
}

export interface World extends Stage {
  readonly consul: MemoryThings;
  readonly vault: MemoryThings;
  readonly vaultExchange: MemoryTokenExchange;
  readonly renders: RenderRequest[];
  /** An agent that has it all. */
  begin(more?: { readonly dieAt?: string; readonly vaultTokenExchange?: TokenExchange }): Promise<Agent>;
  key(name: string, value: string | undefined): void;
}

export function createWorld(seed = 1, how: { readonly tokenLifeMs?: number } = {}): World {
  const stage = createStage(seed);
  const { clock } = stage;
  const consul = createMemoryThings({ system: "consul", clock, random: createSeededRandom(seed + 1) });
  const vault = createMemoryThings({ system: "vault", clock, random: createSeededRandom(seed + 2) });
  const vaultExchange = createMemoryTokenExchange({ clock, random: createSeededRandom(seed + 3), lifeMs: how.tokenLifeMs ?? null });
  const renders: RenderRequest[] = [];
  return {
    ...stage,
    consul,
    vault,
    vaultExchange,
    renders,
    begin: ({ dieAt, vaultTokenExchange = vaultExchange } = {}) =>
      stage.agent({
        thingSources: [consul, vault],
        vaultTokenExchange,
        renderer: () => smallRenderer((request) => renders.push(request)),
        ...(dieAt === undefined ? {} : { dieAt }),
      }),
    key: (name, value) => consul.set(keyThing(name), value),
  };
}

export function aTemplate(fields: Partial<Template> = {}): Template {
  return {
    SourcePath: "",
    DestPath: "local/out",
    EmbeddedTmpl: "<key a>",
    ChangeMode: "restart",
    ChangeSignal: "",
    ChangeScript: null,
    Splay: 0,
    Perms: "0644",
    Uid: null,
    Gid: null,
    LeftDelim: "{{",
    RightDelim: "}}",
    Envvars: false,
    VaultGrace: null,
    Wait: { Min: 0, Max: 0 },
    ErrMissingKey: false,
    Once: false,
    Engine: "",
    ...fields,
  };
}

/** Restarts of a task take no time to speak of. */
export const QUICK = { Attempts: 50, Interval: 3600 * NANOSECONDS, Delay: 0.1 * NANOSECONDS, Mode: "delay", RenderTemplates: false };

export function vaultTask(
  fields: { readonly ChangeMode?: string; readonly AllowTokenExpiration?: boolean; readonly DisableFile?: boolean } = {},
) {
  const identity: Identity = anIdentity({ Name: "vault_default", Audience: ["vault.io"] });
  return {
    Identities: [identity],
    Vault: {
      Policies: [],
      Role: "",
      Namespace: "",
      Cluster: "default",
      Env: true,
      DisableFile: false,
      ChangeMode: "restart",
      ChangeSignal: "",
      AllowTokenExpiration: false,
      ...fields,
    },
  };
}
