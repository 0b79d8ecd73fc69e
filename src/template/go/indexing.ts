/** index, slice and len. */
import { byteLength, bytesOf, sliceBytes } from "./bytes.ts";
import { TemplateFunctionError } from "./function.ts";
import { itemsOf, kindOf, mapTypes, textOfString, typeName, wholeOf, zeroOf } from "./type.ts";
import { GoInteger, GoMap, GoSlice, GoText, type Key, type Value } from "./value.ts";

/** item[first][second]…; a map's missing entry is the zero of its elements' type. */
export function indexed(item: Value, indexes: readonly Value[]): Value {
  if (item === null || item === undefined) throw new TemplateFunctionError("index of untyped nil");
  let current: Value = item;
  for (const index of indexes) {
    if (current === null || current === undefined) throw new TemplateFunctionError("index of nil pointer");
    current = indexedOnce(current, index);
  }
  return current;
}

function indexedOnce(item: Value, index: Value): Value {
  if (item instanceof GoMap) {
    const key = keyOf(item, index);
    return item.entries.has(key) ? item.entries.get(key) : zeroOf(mapTypes(item).element);
  }
  if (kindOf(item) === "string" || item instanceof Uint8Array) {
    const bytes = item instanceof Uint8Array ? item : bytesOf(textOfString(item));
    return new GoInteger("uint8", BigInt(bytes[offsetOf(index, bytes.length - 1)] as number));
  }
  const items = itemsOf(item);
  if (items === undefined) throw new TemplateFunctionError(`can't index item of type ${typeName(item)}`);
  return items[offsetOf(index, items.length - 1)];
}

/** The key as this map holds it; throws if its type does not fit. */
function keyOf(map: GoMap, index: Value): Key {
  const { key } = mapTypes(map);
  const kind = kindOf(index);
  if (key === "interface {}" || key === "any") return plainKey(index);
  if (kind === "nil") throw new TemplateFunctionError(`value is nil; should be of type ${key}`);
  const fits = typeName(index) === key || ((kind === "int" || kind === "uint") && /^u?int(8|16|32|64)?$/.test(key));
  if (!fits) throw new TemplateFunctionError(`value has type ${typeName(index)}; should be ${key}`);
  return plainKey(index);
}

function plainKey(index: Value): Key {
  if (index instanceof GoInteger) return index.value;
  if (index instanceof GoText) return index.text;
  return index as Key;
}

function offsetOf(index: Value, most: number): number {
  const kind = kindOf(index);
  if (kind === "nil") throw new TemplateFunctionError("cannot index slice/array with nil");
  if (kind !== "int" && kind !== "uint") throw new TemplateFunctionError(`cannot index slice/array with type ${typeName(index)}`);
  const whole = wholeOf(index);
  if (whole < 0n || whole > BigInt(most)) throw new TemplateFunctionError("index out of range");
  return Number(whole);
}

/** item[from:to]; nothing here has room behind its end, so its capacity is its length. */
export function sliced(item: Value, indexes: readonly Value[]): Value {
  if (item === null || item === undefined) throw new TemplateFunctionError("slice of untyped nil");
  if (indexes.length > 3) throw new TemplateFunctionError(`too many slice indexes: ${indexes.length}`);
  const isText = kindOf(item) === "string";
  if (isText && indexes.length === 3) throw new TemplateFunctionError("cannot 3-index slice a string");
  const isSliceable = isText || kindOf(item) === "slice";
  if (!isSliceable) throw new TemplateFunctionError(`can't slice item of type ${typeName(item)}`);
  const length = lengthOf(item);
  const bounds = indexes.map((index) => offsetOf(index, length));
  const [from = 0, to = length, end = length] = bounds;
  if (from > to) throw new TemplateFunctionError("invalid slice index: it ends before it begins");
  if (to > end) throw new TemplateFunctionError("invalid slice index: it ends behind its capacity");
  if (item instanceof GoText) return new GoText(item.typeName, sliceBytes(item.text, from, to), item.methods);
  if (isText) return sliceBytes(item as string, from, to);
  if (item instanceof Uint8Array) return item.subarray(from, to);
  if (item instanceof GoSlice) return new GoSlice(item.typeName, item.items.slice(from, to), item.methods);
  return (item as readonly Value[]).slice(from, to);
}

/** Of a string in bytes. */
export function lengthOf(item: Value): number {
  if (item === null || item === undefined) throw new TemplateFunctionError("len of nil pointer");
  if (item instanceof GoMap) return item.entries.size;
  if (item instanceof Uint8Array) return item.length;
  if (kindOf(item) === "string") return byteLength(textOfString(item));
  const items = itemsOf(item);
  if (items === undefined) throw new TemplateFunctionError(`len of type ${typeName(item)}`);
  return items.length;
}
