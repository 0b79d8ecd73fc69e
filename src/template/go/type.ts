/** What Go's reflection would say of a value: its type's name, its kind, the zero value of a map's missing entry. */
import { compareText } from "./bytes.ts";
import { GoComplex, GoFunction, GoInteger, GoMap, GoSlice, GoStruct, GoText, type Key, type Methods, type Value } from "./value.ts";

export type Kind = "nil" | "bool" | "int" | "uint" | "float" | "complex" | "string" | "map" | "slice" | "struct" | "pointer" | "func";

export function kindOf(value: Value): Kind {
  switch (typeof value) {
    case "undefined":
      return "nil";
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float";
  }
  if (value === null) return "nil";
  if (value instanceof GoMap) return "map";
  if (value instanceof GoText) return "string";
  if (value instanceof GoInteger) return value.unsigned ? "uint" : "int";
  if (value instanceof GoStruct) return value.pointer ? "pointer" : "struct";
  if (value instanceof GoFunction) return "func";
  return value instanceof GoComplex ? "complex" : "slice";
}

/** As %T writes it. */
export function typeName(value: Value): string {
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int";
    case "number":
      return "float64";
    case "undefined":
      return "<nil>";
  }
  if (value === null) return "interface {}";
  if (value instanceof Uint8Array) return "[]uint8";
  if (value instanceof GoComplex) return "complex128";
  if (value instanceof GoStruct) return value.pointer ? `*${value.typeName}` : value.typeName;
  if (isList(value)) return value instanceof GoSlice ? value.typeName : "[]interface {}";
  return value.typeName;
}

export function isList(value: Value): value is GoSlice | readonly Value[] {
  return Array.isArray(value) || value instanceof GoSlice;
}

/** The items of a slice, bytes too; undefined: it is none. */
export function itemsOf(value: Value): readonly Value[] | undefined {
  if (Array.isArray(value)) return value as readonly Value[];
  if (value instanceof GoSlice) return value.items;
  if (value instanceof Uint8Array) return Array.from(value, (byte) => new GoInteger("uint8", BigInt(byte)));
  return undefined;
}

export function methodsOf(value: Value): Methods | undefined {
  if (value instanceof GoStruct || value instanceof GoMap || value instanceof GoSlice || value instanceof GoText) return value.methods;
  return undefined;
}

/** Of anything of kind "string". */
export function textOfString(value: Value): string {
  return value instanceof GoText ? value.text : (value as string);
}

/** Of anything of kind "int" or "uint". */
export function wholeOf(value: Value): bigint {
  return value instanceof GoInteger ? value.value : (value as bigint);
}

/** "string" of map[string]int, "int" the second time. */
export function mapTypes(map: GoMap): { readonly key: string; readonly element: string } {
  let depth = 0;
  for (let index = 3; index < map.typeName.length; index++) {
    if (map.typeName[index] === "[") depth++;
    if (map.typeName[index] === "]" && --depth === 0) return { key: map.typeName.slice(4, index), element: map.typeName.slice(index + 1) };
  }
  return { key: "string", element: "interface {}" };
}

const WHOLE = /^u?int(8|16|32|64)?$/;

/** What Go puts in a variable of this type that nobody set. */
export function zeroOf(type: string): Value {
  if (type === "string") return "";
  if (type === "bool") return false;
  if (type === "int") return 0n;
  if (WHOLE.test(type)) return new GoInteger(type, 0n);
  if (type === "float64") return 0;
  if (type === "[]uint8" || type === "[]byte") return new Uint8Array();
  if (type.startsWith("[]")) return new GoSlice(type, []);
  return type.startsWith("map[") ? new GoMap(new Map(), type) : null;
}

/** A map's entries as Go visits them: keys in order. */
export function sortedEntries(map: GoMap): (readonly [Key, Value])[] {
  return [...map.entries].sort(([left], [right]) => compareKeys(left, right));
}

function compareKeys(left: Key, right: Key): number {
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  return left < right ? -1 : left > right ? 1 : 0;
}
