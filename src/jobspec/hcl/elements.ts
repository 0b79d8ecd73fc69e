/** What `for` and `%{for}` go through: keys and values of a list or a map. */
import { failAt, type Range } from "./source.ts";
import { describe, entriesOf, isList, isMap, isSet, type Value } from "./value.ts";

export function elementsOf(collection: Value, range: Range): [key: Value, value: Value][] {
  if (collection !== null && isList(collection)) {
    return isSet(collection) ? collection.map((item) => [item, item]) : collection.map((value, index) => [index, value]);
  }
  if (collection !== null && isMap(collection)) return entriesOf(collection);
  failAt(range, `Cannot go through ${describe(collection)}`, '"for" wants a list or a map.');
}
