/**
 * Trees and data → text. Statements are walked with a stack of their own, not by calls, so that templates may call templates as deep as Go's may.
 *
 *   frames: template "main" ▸ range ▸ list of an if ▸ template "row" ▸ …      the top one is read on; each forgets its variables when it ends
 */
import { byteLength, joined } from "./bytes.ts";
import { isTrue } from "./comparison.ts";
import { Evaluator, lastOf, type Spot } from "./evaluate.ts";
import { TemplateFunctionError, type TemplateFunctions } from "./function.ts";
import { type BranchNode, described, type ListNode, type RangeNode, type Statement, type TemplateNode } from "./node.ts";
import type { Parsed } from "./parser.ts";
import { printed } from "./printer.ts";
import { placeOf, TemplateError } from "./template-error.ts";
import { itemsOf, kindOf, sortedEntries, typeName, wholeOf } from "./type.ts";
import { GoInteger, GoMap, type Value } from "./value.ts";

export interface ExecuteRequest<Context> {
  readonly functions: TemplateFunctions<Context>;
  readonly data: Value;
  /** A map's field that it does not have fails; else it is no value. */
  readonly errorOnMissingKey: boolean;
  /** It is the zero of the map's element type instead (Go's option missingkey=zero, which consul-template sets): "" of a map[string]string. */
  readonly missingIsZero?: boolean;
  /** What every function gets. */
  readonly context: Context;
  /** Output above this fails: TEMPLATE_TOO_LARGE. */
  readonly outputBytesMax: number;
  /** Told of every statement that is begun, by its offset in the text. */
  readonly reached?: ((offset: number) => void) | undefined;
}

/** Templates within templates. */
const DEPTH_MAX = 100_000;

/** Throws TemplateError (TEMPLATE_FAILED, TEMPLATE_TOO_LARGE) and whatever a function throws that is no TemplateFunctionError. */
export function executeGoTemplate<Context>(parsed: Parsed, request: ExecuteRequest<Context>): string {
  const execution = new Execution(parsed, request);
  try {
    return joined(execution.template(parsed.name, request.data));
  } catch (thrown) {
    if (thrown instanceof RangeError) throw execution.exhausted(thrown);
    throw thrown;
  }
}

interface Frame {
  readonly nodes: readonly Statement[];
  next: number;
  dot: Value;
  /** How many variables there were before it. */
  readonly mark: number;
  readonly loop?: Loop;
  /** It is a template's: what to go back to. */
  readonly callers?: Evaluator<unknown>["variables"];
}

interface Loop {
  readonly node: RangeNode;
  /** Undefined keys: of whole numbers. */
  readonly items: Iterator<readonly [Value, Value]>;
}

class Execution<Context> {
  private readonly parsed: Parsed;
  private readonly outputBytesMax: number;
  private readonly evaluator: Evaluator<Context>;
  private output = "";
  private outputBytes = 0;
  private depth = 0;
  private spot: Spot | undefined;
  private readonly reached: ((offset: number) => void) | undefined;

  constructor(parsed: Parsed, request: ExecuteRequest<Context>) {
    this.parsed = parsed;
    this.outputBytesMax = request.outputBytesMax;
    this.reached = request.reached;
    const { functions, errorOnMissingKey, missingIsZero = false, context } = request;
    const rendering = { executeTemplate: (name: string, data: Value): string => this.template(name, data) };
    const fail = (spot: Spot, problem: string): never => {
      throw this.failure(spot, problem);
    };
    const measure = (value: Value, spot: Spot): void => {
      if (typeof value === "string" && value.length > this.outputBytesMax) throw this.tooLarge(spot);
    };
    this.evaluator = new Evaluator({ functions, errorOnMissingKey, missingIsZero, context, rendering, fail, measure });
  }

  /** A defined template's text; what was written and declared around it stays as it was. */
  template(name: string, data: Value): string {
    const root = this.parsed.templates.get(name);
    // The name may be data: it is not told.
    if (root === undefined) throw new TemplateFunctionError("no template of this name is defined here");
    const { output } = this;
    const { variables } = this.evaluator;
    this.output = "";
    this.run(root, data === null ? undefined : data);
    const written = this.output;
    this.output = output;
    this.evaluator.variables = variables;
    return written;
  }

  /** The runtime gave up: its stack is full, or a string would be longer than one can be. */
  exhausted(thrown: RangeError): TemplateError {
    const spot = this.spot ?? { position: 0, kind: "template" };
    return thrown.message.includes("call stack") ? this.failure(spot, "it is nested too deeply") : this.tooLarge(spot);
  }

  private failure(spot: Spot, problem: string): TemplateError {
    const { name, text } = this.parsed;
    const at = placeOf(text, spot.position);
    const message = `Cannot render template "${name}": line ${at.line}, column ${at.column}, at <${described(spot)}>: ${problem}`;
    return new TemplateError("TEMPLATE_FAILED", message, at);
  }

  private run(root: ListNode, data: Value): void {
    const { evaluator } = this;
    evaluator.variables = [{ name: "$", value: data }];
    const frames: Frame[] = [{ nodes: root.nodes, next: 0, dot: data, mark: 1 }];
    for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
      const node = frame.nodes[frame.next];
      if (node === undefined) {
        if (!this.advance(frame)) this.leave(frames);
        continue;
      }
      frame.next++;
      this.spot = node;
      this.reached?.(node.position);
      this.statement(node, frame, frames);
    }
  }

  private statement(node: Statement, frame: Frame, frames: Frame[]): void {
    switch (node.kind) {
      case "text":
        return this.write(node.text, node);
      case "action": {
        const value = this.evaluator.pipeline(frame.dot, node.pipe);
        if (node.pipe.variables.length > 0) return;
        if (kindOf(value) === "func") throw this.failure(node, `can't print ${described(node)} of type ${typeName(value)}`);
        return this.write(printed(value), node);
      }
      case "if":
      case "with":
        return this.branch(node, frame.dot, frames);
      case "range":
        return this.range(node, frame.dot, frames);
      case "template":
        return this.enter(node, frame.dot, frames);
      case "break":
      case "continue": {
        while (frames.at(-1)?.loop === undefined) this.leave(frames);
        const loop = frames.at(-1) as Frame;
        loop.next = loop.nodes.length;
        if (node.kind === "break") this.leave(frames);
      }
    }
  }

  private write(text: string, spot: Spot): void {
    this.outputBytes += byteLength(text);
    if (this.outputBytes > this.outputBytesMax) throw this.tooLarge(spot);
    this.output += text;
  }

  private tooLarge(spot: Spot): TemplateError {
    const { name, text } = this.parsed;
    const at = placeOf(text, spot.position);
    const message = `Cannot render template "${name}": line ${at.line}, column ${at.column}: its text grows above ${this.outputBytesMax} bytes`;
    return new TemplateError("TEMPLATE_TOO_LARGE", message, at);
  }

  private branch(node: BranchNode, dot: Value, frames: Frame[]): void {
    const mark = this.evaluator.variables.length;
    const value = this.evaluator.pipeline(dot, node.pipe);
    const taken = isTrue(value);
    const list = taken ? node.list : node.otherwise;
    frames.push({ nodes: list?.nodes ?? [], next: 0, dot: taken && node.kind === "with" ? value : dot, mark });
  }

  private range(node: RangeNode, dot: Value, frames: Frame[]): void {
    const { evaluator } = this;
    const before = evaluator.variables.length;
    const over = evaluator.pipeline(dot, node.pipe);
    const loop = { node, items: this.items(node, over) };
    // Its own variables stand between the two marks; what the body declares goes with each turn.
    const frame: Frame = { nodes: node.list.nodes, next: 0, dot, mark: evaluator.variables.length, loop };
    frames.push({ nodes: [], next: 0, dot, mark: before }, frame);
    if (this.advance(frame)) return;
    frames.pop();
    if (node.otherwise === undefined) return;
    frames.push({ nodes: node.otherwise.nodes, next: 0, dot, mark: evaluator.variables.length });
  }

  private items(node: RangeNode, over: Value): Iterator<readonly [Value, Value]> {
    const kind = kindOf(over);
    if (kind === "nil") return [][Symbol.iterator]();
    if (kind === "int" || kind === "uint") {
      if (node.pipe.variables.length > 1)
        throw this.failure(lastOf(node.pipe), `can't use a number to iterate over more than one variable`);
      return wholeNumbers(over);
    }
    if (over instanceof GoMap) return sortedEntries(over)[Symbol.iterator]();
    const items = itemsOf(over);
    if (items === undefined) throw this.failure(lastOf(node.pipe), `range can't iterate over a ${typeName(over)}`);
    return numbered(items);
  }

  /** On to the loop's next turn; false: there is none, or it is no loop. */
  private advance(frame: Frame): boolean {
    if (frame.loop === undefined) return false;
    const turn = frame.loop.items.next();
    if (turn.done === true) return false;
    const { evaluator } = this;
    const [key, item] = turn.value;
    const { pipe } = frame.loop.node;
    const { assigns, variables } = pipe;
    evaluator.variables.length = frame.mark;
    const [first, second] = variables;
    if (assigns) {
      if (first !== undefined) evaluator.assign(first, second === undefined ? item : key, lastOf(pipe));
      if (second !== undefined) evaluator.assign(second, item, lastOf(pipe));
    } else {
      if (first !== undefined) evaluator.setTop(1, item);
      if (second !== undefined) evaluator.setTop(2, key);
    }
    frame.dot = item;
    frame.next = 0;
    return true;
  }

  private enter(node: TemplateNode, dot: Value, frames: Frame[]): void {
    const { evaluator } = this;
    const root = this.parsed.templates.get(node.name);
    if (root === undefined) throw this.failure(node, `template "${node.name}" is not defined`);
    if (this.depth >= DEPTH_MAX) throw this.failure(node, `exceeded maximum template depth (${DEPTH_MAX})`);
    const data = node.pipe === undefined ? undefined : evaluator.pipeline(dot, node.pipe);
    this.depth++;
    frames.push({ nodes: root.nodes, next: 0, dot: data, mark: 1, callers: evaluator.variables });
    evaluator.variables = [{ name: "$", value: data }];
  }

  private leave(frames: Frame[]): void {
    const frame = frames.pop() as Frame;
    if (frame.callers === undefined) this.evaluator.variables.length = frame.mark;
    else {
      this.evaluator.variables = frame.callers;
      this.depth--;
    }
  }
}

function* wholeNumbers(over: Value): Generator<readonly [Value, Value]> {
  const end = wholeOf(over);
  const type = over instanceof GoInteger ? over.typeName : undefined;
  for (let index = 0n; index < end; index++) yield [undefined, type === undefined ? index : new GoInteger(type, index)];
}

function* numbered(items: readonly Value[]): Generator<readonly [Value, Value]> {
  let index = 0n;
  for (const item of items) yield [index++, item];
}
