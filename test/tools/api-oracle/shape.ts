/** What is kept of an answer: names of keys and types, never a value. Written a path a line; a part that was written before is named, not repeated. */

/** `types`: null, string, number, boolean, list, object. A list's `items` is what all of its items are together, as is an object's `keys` "*". */
export interface Shape {
  readonly types: Set<string>;
  readonly keys: Map<string, Shape>;
  items?: Shape;
}

/** One answer: the status, "json", "text", "none" or another kind of content, and the shape where it is JSON. */
export interface Answer {
  readonly status: number;
  readonly content: string;
  readonly shape?: Shape;
}

/** Keys that say something about the machine or the moment, not about the API: all are one, "*". */
const MAPS = new Set([
  "Attributes",
  "ClassEligibility",
  "ConstraintFiltered",
  "Details",
  "DimensionExhausted",
  "Drivers",
  "Labels",
  "Links",
  "NodesAvailable",
  "Scores",
  "Updates",
]);
const CHANCE = /^[0-9a-f]{8}-[0-9a-f]{4}-|^[0-9a-f]{16,}|\/dispatch-|\/periodic-/;

const fresh = (): Shape => ({ types: new Set(), keys: new Map() });

export function shapeOf(value: unknown, name = "", shape: Shape = fresh()): Shape {
  if (value === null || typeof value !== "object") shape.types.add(value === null ? "null" : typeof value);
  else if (Array.isArray(value)) {
    shape.types.add("list");
    for (const item of value) shape.items = shapeOf(item, "", shape.items);
  } else {
    shape.types.add("object");
    for (const [key, part] of Object.entries(value)) {
      const as = MAPS.has(name) || CHANCE.test(key) ? "*" : key;
      shape.keys.set(as, shapeOf(part, as, shape.keys.get(as)));
    }
  }
  return shape;
}

const typesOf = (shape: Shape): string => [...shape.types].toSorted().join("|");
const partsOf = (shape: Shape): readonly (readonly [string, Shape])[] => [
  ...(shape.items === undefined ? [] : [["[]", shape.items] as const]),
  ...[...shape.keys].toSorted(([one], [other]) => (one < other ? -1 : 1)),
];

/** Parts below this many lines are written each time: to read them is easier than to follow. */
const WORTH_NAMING = 4;

/** The answers by their steps, as text. */
export function written(answers: ReadonlyMap<string, Answer>): string {
  const lines: string[] = [];
  const known = new Map<string, string>();
  for (const [step, { status, content, shape }] of answers) {
    lines.push(`${step} => ${status} ${content}`);
    if (shape !== undefined) write(shape, "$", step, 1);
  }
  return `${lines.join("\n")}\n`;

  function write(shape: Shape, name: string, at: string, depth: number): void {
    const whole = JSON.stringify(plain(shape));
    const before = known.get(whole);
    const line = `${" ".repeat(depth)}${name}: ${typesOf(shape)}`;
    if (before !== undefined) {
      lines.push(`${line} = ${before}`);
      return;
    }
    const start = lines.push(line);
    for (const [key, part] of partsOf(shape)) write(part, key, `${at} ${key}`, depth + 1);
    if (lines.length - start >= WORTH_NAMING) known.set(whole, String(start));
  }
}

/** What `written` wrote. */
export function read(text: string): Map<string, Answer> {
  const lines = text.trimEnd().split("\n");
  const answers = new Map<string, Answer>();
  const shapes: Shape[] = [];
  const above: Shape[] = [];
  for (const [index, line] of lines.entries()) {
    const step = /^(\S.*) => (\d+) (\S+)$/.exec(line);
    if (step !== null) {
      const [, name = "", status, content = ""] = step;
      const hasShape = lines[index + 1]?.startsWith(" ") === true;
      const shape = fresh();
      above[0] = shape;
      answers.set(name, { status: Number(status), content, ...(hasShape ? { shape } : {}) });
      continue;
    }
    const [, indent = "", name = "", types = "", same] = /^( +)(.*?): (\S+)(?: = (\d+))?$/.exec(line) ?? [];
    const depth = indent.length;
    const found = same === undefined ? fresh() : (shapes[Number(same)] as Shape);
    const shape = depth === 1 ? (above[0] as Shape) : found;
    if (depth === 1 && same !== undefined) {
      for (const [key, part] of found.keys) shape.keys.set(key, part);
      if (found.items !== undefined) shape.items = found.items;
    }
    for (const type of types.split("|")) shape.types.add(type);
    shapes[index + 1] = shape;
    above[depth] = shape;
    const parent = above[depth - 1] as Shape;
    if (depth === 1) continue;
    if (name === "[]") parent.items = shape;
    else parent.keys.set(name, shape);
  }
  return answers;
}

function plain(shape: Shape): unknown {
  return [typesOf(shape), partsOf(shape).map(([key, part]) => [key, plain(part)])];
}
