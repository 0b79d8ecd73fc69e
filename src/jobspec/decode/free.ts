/** Free content, `config { … }` of a driver: no schema here; nested blocks become lists of maps, labels maps around them. */
import type { Body, Scope, Value } from "../hcl/mod.ts";
import type { Decoding } from "./decoding.ts";
import { readBody } from "./read-body.ts";

export function decodeFree(decoding: Decoding, body: Body, scope: Scope): ReadonlyMap<string, Value> {
  const { attributes, blocks } = readBody(decoding, body, scope, () => "attribute");
  const entries = new Map<string, Value>();
  for (const attribute of attributes) {
    const value = decoding.evaluate(attribute.expression, scope);
    if (value !== undefined) entries.set(attribute.name, decoding.disguise(value));
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
