/**
 * Free content, `config { … }` of a driver: no schema here; nested blocks become lists of maps, labels maps around them. `auth = { … }` written out
 * as an object is `auth { … }`, a list of one; a map that is computed stays one. That is how Nomad's parser has it in the job's JSON.
 */
import { isMap, type Body, type Scope, type Value } from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";
import { readBody } from "./read-body.ts";

export function decodeFree(decoding: Decoding, body: Body, scope: Scope): ReadonlyMap<string, Value> {
  const { attributes, blocks } = readBody(decoding, body, scope, () => "attribute");
  const entries = new Map<string, Value>();
  for (const attribute of attributes) {
    const value = decoding.evaluate(attribute.expression, scope);
    if (value === undefined) continue;
    const shown = decoding.disguise(value);
    entries.set(attribute.name, attribute.expression.kind === "object" && isMap(shown) ? [shown] : shown);
  }
  const lists = new Map<string, Value[]>();
  for (const block of blocks) {
    if (attributes.some((attribute) => attribute.name === block.type)) {
      decoding.error(block.headRange, `"${block.type}" is both an attribute and a block`, "Write it once.");
      continue;
    }
    const inner = decodeFree(decoding, block.body, block.scope);
    const item = block.labels.reduceRight<Value>((value, label) => new Map<string, Value>([[label.text, [value]]]), inner);
    const list = lists.get(block.type) ?? [];
    list.push(item);
    lists.set(block.type, list);
    entries.set(block.type, list);
  }
  return entries;
}
