/**
 * A policy's text (HCL, or JSON when it begins with `{`) → Rules, with coarse policies opened up into capabilities. Everything that is
 * not known is refused with its place: a word misspelt would otherwise open less, or deny less, than was meant.
 *
 *   namespace "GLOB" { policy, capabilities, variables { path "GLOB" { capabilities } } }
 *   node_pool "GLOB" | host_volume "GLOB" { policy, capabilities }
 *   operator { policy, capabilities }     sentinel { policy, capabilities }: read and let be
 *   node | agent | quota | plugin { policy }
 */
import { errorAt, evaluateConstant, type Expression, HclFailure, jsonBody, parseBody, type Body, type Range } from "#jobspec/hcl";
import { didYouMean } from "#std";
import {
  HOST_VOLUME_CAPABILITIES,
  HOST_VOLUME_POLICIES,
  NAMESPACE_CAPABILITIES,
  NAMESPACE_POLICIES,
  NODE_POOL_CAPABILITIES,
  NODE_POOL_POLICIES,
  OPERATOR_CAPABILITIES,
  SENTINEL_CAPABILITIES,
  VARIABLE_CAPABILITIES,
  type Coarse,
} from "./capabilities.ts";
import type { Level, Rules } from "./contract.ts";
import { PolicyError } from "./policy-error.ts";
import { mergeRules, NO_RULES } from "./rules.ts";

/** Longer ones are refused before anything is read. */
const POLICY_TEXT_MAX = 128 * 1024;

const LEVELS: Readonly<Record<string, readonly Level[]>> = {
  node: ["deny", "read", "write"],
  agent: ["deny", "read", "write"],
  operator: ["deny", "read", "write"],
  quota: ["deny", "read", "write"],
  plugin: ["deny", "list", "read", "write"],
  sentinel: ["deny", "read", "write"],
};
const BLOCKS = ["namespace", "node_pool", "host_volume", ...Object.keys(LEVELS)];

/** NamedError ACL_POLICY_INVALID (400): all that is wrong, with lines and carets. `name` is shown as the file's. */
export function parsePolicy(text: string, name = "policy"): Rules {
  if (text.length > POLICY_TEXT_MAX) {
    const range = parseBody("", name).body.range;
    throw new PolicyError([errorAt(range, `It is longer than ${POLICY_TEXT_MAX} characters`)], "");
  }
  const parsed = parseBody(text, name, { hcl1: true });
  const reader = new PolicyReader();
  if (parsed.diagnostics.length === 0) reader.read(parsed.body);
  const diagnostics = [...parsed.diagnostics, ...reader.diagnostics];
  if (diagnostics.length > 0) throw new PolicyError(diagnostics, text);
  return mergeRules(reader.rules);
}

/** A block wherever it was written: as a block, or as a property of a JSON object. */
interface Item {
  readonly type: string;
  readonly label: { readonly text: string; readonly range: Range } | undefined;
  readonly body: Body;
  readonly range: Range;
}

class PolicyReader {
  readonly rules: Rules[] = [];
  readonly diagnostics: ReturnType<typeof errorAt>[] = [];
  readonly #seen = new Set<string>();

  read(body: Body): void {
    for (const item of this.#items(body, BLOCKS, new Set(["namespace", "node_pool", "host_volume"]), "a policy")) this.#item(item);
    if (this.rules.length === 0 && this.diagnostics.length === 0) {
      this.#wrong(body.range, "It says nothing", `A policy has at least one of ${BLOCKS.map((each) => `${each} { … }`).join(", ")}.`);
    }
  }

  #item(item: Item): void {
    // Those with names add up, as those of several policies do; of the others there is one.
    if (Object.hasOwn(LEVELS, item.type) && this.#seen.has(item.type)) {
      this.#wrong(item.range, `There is a second ${describe(item)} block`, "Put what they say into one.");
    }
    this.#seen.add(item.type);
    const rules = this.#rulesOf(item);
    if (rules !== undefined) this.rules.push({ ...NO_RULES, ...rules });
  }

  #rulesOf(item: Item): Partial<Rules> | undefined {
    switch (item.type) {
      case "namespace":
        return this.#namespace(item);
      case "node_pool": {
        const Name = this.#name(item, /^[a-zA-Z0-9-_*]{1,128}$/, "letters, digits, dashes, underscores and stars");
        return { NodePools: [{ Name, Capabilities: this.#capabilities(item, NODE_POOL_CAPABILITIES, NODE_POOL_POLICIES, []) }] };
      }
      case "host_volume": {
        const Name = this.#name(item, /^[a-zA-Z0-9-*]{1,128}$/, "letters, digits, dashes and stars");
        return { HostVolumes: [{ Name, Capabilities: this.#capabilities(item, HOST_VOLUME_CAPABILITIES, HOST_VOLUME_POLICIES, []) }] };
      }
      case "operator": {
        const { level, capabilities } = this.#level(item, OPERATOR_CAPABILITIES);
        const denied = capabilities.includes("deny");
        return { Operator: denied ? "deny" : level, OperatorCapabilities: level === "deny" ? ["deny"] : capabilities };
      }
      case "sentinel":
        this.#level(item, SENTINEL_CAPABILITIES);
        return {};
      case "node":
        return { Node: this.#level(item).level };
      case "agent":
        return { Agent: this.#level(item).level };
      case "quota":
        return { Quota: this.#level(item).level };
      default:
        return { Plugin: this.#level(item).level };
    }
  }

  #namespace(item: Item): Partial<Rules> {
    const Name = item.label === undefined ? "default" : this.#name(item, /^[a-zA-Z0-9-*]{1,128}$/, "letters, digits, dashes and stars");
    const Capabilities = this.#capabilities(item, NAMESPACE_CAPABILITIES, NAMESPACE_POLICIES, ["variables"]);
    const Variables: { Path: string; Capabilities: readonly string[] }[] = [];
    const inner = this.#items(item.body, ["variables"], new Set(), describe(item), ["policy", "capabilities"]);
    for (const [at, variables] of inner.entries()) {
      if (at > 0) this.#wrong(variables.range, `There is a second variables block in ${describe(item)}`, "Put the paths into one.");
      const paths = this.#items(variables.body, ["path"], new Set(["path"]), "variables");
      if (paths.length === 0)
        this.#wrong(variables.range, `There is no path in variables of ${describe(item)}`, 'Write path "GLOB" { … }.');
      for (const path of paths) Variables.push(this.#path(path));
    }
    return { Namespaces: [{ Name, Capabilities, Variables }] };
  }

  #path(item: Item): { Path: string; Capabilities: readonly string[] } {
    const Path = item.label?.text ?? "";
    const range = item.label?.range ?? item.range;
    if (Path === "") this.#wrong(range, "A path is missing", 'Write path "GLOB" { … }.');
    else if (Path.startsWith("/")) this.#wrong(range, `Path ${JSON.stringify(Path)} starts with "/"`, "Paths of variables never do.");
    return { Path, Capabilities: this.#capabilities(item, VARIABLE_CAPABILITIES, {}, []) };
  }

  #name(item: Item, pattern: RegExp, wanted: string): string {
    const Name = item.label?.text ?? "";
    if (item.label === undefined) this.#wrong(item.range, `Block "${item.type}" has no name`, `Write ${item.type} "NAME" { … }.`);
    else if (!pattern.test(Name)) this.#wrong(item.label.range, `Invalid name ${JSON.stringify(Name)}`, `It must be 1 to 128 ${wanted}.`);
    return Name;
  }

  /** policy and capabilities of a block, together. `blocks`: what else may stand in it. */
  #capabilities(item: Item, known: readonly string[], coarse: Coarse, blocks: readonly string[]): readonly string[] {
    const words = Object.keys(coarse);
    const problems = this.diagnostics.length;
    const found = this.#attributes(item, words.length === 0 ? ["capabilities"] : ["policy", "capabilities"], blocks);
    const policy = found.get("policy");
    const capabilities = this.#list(found.get("capabilities"), known);
    // What is misspelt was meant to say something.
    const spelt = this.diagnostics.length === problems;
    if (
      spelt &&
      policy === undefined &&
      found.get("capabilities") === undefined &&
      !item.body.blocks.some(({ type }) => blocks.includes(type))
    ) {
      const hasInner = item.body.attributes.some(({ name }) => blocks.includes(name));
      if (!hasInner) this.#wrong(item.range, `Block ${describe(item)} opens and denies nothing`, "Write a policy or capabilities.");
    }
    const word = policy === undefined ? undefined : this.#word(policy, words, "policy");
    return [...(word === undefined ? [] : (coarse[word] ?? [])), ...capabilities];
  }

  #level(item: Item, known?: readonly string[]): { readonly level: Level | ""; readonly capabilities: readonly string[] } {
    if (item.label !== undefined) this.#wrong(item.label.range, `Block "${item.type}" takes no name`, "Remove it.");
    const found = this.#attributes(item, known === undefined ? ["policy"] : ["policy", "capabilities"], []);
    const policy = found.get("policy");
    const list = found.get("capabilities");
    if (policy === undefined && list === undefined)
      this.#wrong(item.range, `Block ${describe(item)} has no policy`, 'Write policy = "read".');
    const level = policy === undefined ? undefined : this.#word(policy, LEVELS[item.type] ?? [], "policy");
    return { level: (level ?? "") as Level | "", capabilities: this.#list(list, known ?? []) };
  }

  #attributes(item: Item, known: readonly string[], blocks: readonly string[]): ReadonlyMap<string, Expression> {
    const found = new Map<string, Expression>();
    for (const { name, nameRange, expression } of item.body.attributes) {
      if (known.includes(name)) {
        if (found.has(name)) this.#wrong(nameRange, `${JSON.stringify(name)} is set twice`, "");
        found.set(name, expression);
      } else if (!blocks.includes(name)) this.#unknown(name, nameRange, [...known, ...blocks], describe(item));
    }
    for (const { type, typeRange } of item.body.blocks) {
      if (!blocks.includes(type)) this.#unknown(type, typeRange, [...known, ...blocks], describe(item));
    }
    return found;
  }

  #list(expression: Expression | undefined, known: readonly string[]): readonly string[] {
    if (expression === undefined) return [];
    if (expression.kind !== "tuple") {
      this.#wrong(
        expression.range,
        "Expected a list of capabilities",
        `For example: capabilities = [${known.slice(1, 3).map(quoted).join(", ")}]`,
      );
      return [];
    }
    return expression.items.flatMap((item) => this.#word(item, known, "capability") ?? []);
  }

  #word(expression: Expression, known: readonly string[], what: "policy" | "capability"): string | undefined {
    const value = this.#value(expression);
    if (value === undefined) return undefined;
    if (typeof value === "string" && known.includes(value)) return value;
    const meant = typeof value === "string" ? didYouMean(value, known) : "";
    this.#wrong(expression.range, `Unknown ${what} ${JSON.stringify(value)}`, `${meant}Known: ${known.join(", ")}.`);
    return undefined;
  }

  #value(expression: Expression): unknown {
    try {
      return evaluateConstant(expression) ?? null;
    } catch (thrown) {
      if (!(thrown instanceof HclFailure)) throw thrown;
      this.diagnostics.push(thrown.diagnostic);
      return undefined;
    }
  }

  /** The blocks of a body, in whichever way they were written. `others`: attributes that are read elsewhere. */
  #items(
    body: Body,
    known: readonly string[],
    labelled: ReadonlySet<string>,
    where: string,
    others: readonly string[] = [],
  ): readonly Item[] {
    const items: Item[] = [];
    for (const { name, nameRange, expression } of body.attributes) {
      if (others.includes(name)) continue;
      if (!known.includes(name)) {
        if (others.length === 0) this.#unknown(name, nameRange, known, where);
        continue;
      }
      for (const inner of this.#bodies(expression, name)) {
        if (!labelled.has(name)) items.push({ type: name, label: undefined, body: inner, range: nameRange });
        else items.push(...this.#labels(name, inner));
      }
    }
    for (const { type, typeRange, labels, body: inner, headRange } of body.blocks) {
      const [label, second] = labels;
      if (second !== undefined) this.#wrong(second.range, `Block "${type}" takes one name at most`, "Remove it.");
      if (known.includes(type)) items.push({ type, label, body: inner, range: headRange });
      else if (others.length === 0) this.#unknown(type, typeRange, known, where);
    }
    return items;
  }

  /** { "namespace": { "NAME": { … } } } */
  #labels(type: string, body: Body): readonly Item[] {
    return body.attributes.flatMap(({ name, nameRange, expression }) =>
      this.#bodies(expression, name).map((inner) => ({ type, label: { text: name, range: nameRange }, body: inner, range: nameRange })),
    );
  }

  #bodies(expression: Expression, name: string): readonly Body[] {
    const items = expression.kind === "tuple" ? expression.items : [expression];
    return items.flatMap((item) => {
      const body = jsonBody(item);
      if (body === undefined) this.#wrong(item.range, `Expected a block for ${JSON.stringify(name)}`, `Write ${name} { … }.`);
      return body ?? [];
    });
  }

  #unknown(name: string, range: Range, known: readonly string[], where: string): void {
    this.#wrong(range, `Unknown key ${JSON.stringify(name)} in ${where}`, `${didYouMean(name, known)}Known: ${known.join(", ")}.`);
  }

  #wrong(range: Range, summary: string, detail: string): void {
    this.diagnostics.push(errorAt(range, summary, detail));
  }
}

function describe({ type, label }: Item): string {
  return label === undefined ? type : `${type} ${JSON.stringify(label.text)}`;
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
