/**
 * What a pipeline is worth. Two nils, as Go's reflection has them: `undefined` is no value at all (a missing entry), whose fields are no values
 * either; `null` is a nil that stands somewhere (an entry that is nil), whose fields are an error. A pipeline's end makes the first of the second.
 */
import { assigned, assignedNil, ideal, literal, prepared, type Answer } from "./argument.ts";
import { BUILTINS } from "./builtins.ts";
import { isTrue } from "./comparison.ts";
import { type ParameterKind, type Rendering, type TemplateFunction, TemplateFunctionError, type TemplateFunctions } from "./function.ts";
import { type CommandNode, described, type Operand, type PipeNode } from "./node.ts";
import { mapTypes, methodsOf, typeName, zeroOf } from "./type.ts";
import { GoFunction, GoMap, GoStruct, type Value } from "./value.ts";

/** Where something went wrong, for whoever knows the text. */
export interface Spot {
  readonly position: number;
  readonly kind: string;
}

/** Throws the error that ends the rendering. */
export type Fail = (spot: Spot, problem: string) => never;

export interface EvaluatorOptions<Context> {
  readonly functions: TemplateFunctions<Context>;
  readonly errorOnMissingKey: boolean;
  readonly missingIsZero: boolean;
  readonly context: Context;
  readonly rendering: Rendering;
  readonly fail: Fail;
  /** Of what a function gave back: throws if it is larger than a text may be (a variable that is doubled in a loop). */
  readonly measure: (value: Value, spot: Spot) => void;
}

interface Variable {
  readonly name: string;
  value: Value;
}

/** No value was piped in. */
const NONE: unique symbol = Symbol("none");
type Piped = Value | typeof NONE;

export class Evaluator<Context> {
  /** A stack: the newest of a name counts. */
  variables: Variable[] = [];
  private readonly options: EvaluatorOptions<Context>;

  constructor(options: EvaluatorOptions<Context>) {
    this.options = options;
  }

  pipeline(dot: Value, pipe: PipeNode): Value {
    let value: Piped = NONE;
    for (const command of pipe.commands) {
      value = this.command(dot, command, value);
      if (value === null) value = undefined;
    }
    const result = value as Value;
    for (const name of pipe.variables) {
      if (pipe.assigns) this.assign(name, result, lastOf(pipe));
      else this.variables.push({ name, value: result });
    }
    return result;
  }

  /** The parser lets `{{$x = 1}}` pass where nothing declared $x: here it fails, as in Go. */
  assign(name: string, value: Value, spot: Spot): void {
    this.newest(name, spot).value = value;
  }

  /** The n-th from the top, 1 being the top. */
  setTop(fromTop: number, value: Value): void {
    (this.variables[this.variables.length - fromTop] as Variable).value = value;
  }

  private command(dot: Value, command: CommandNode, piped: Piped): Value {
    const first = command.words[0] as Operand;
    switch (first.kind) {
      case "field":
        return this.fields(dot, { receiver: dot, names: first.names, node: first, words: command.words, piped });
      case "chain":
        return this.fields(dot, { receiver: this.chained(dot, first.of), names: first.names, node: first, words: command.words, piped });
      case "identifier":
        return this.named(dot, first, { spot: command, words: command.words, piped });
      case "variable": {
        const receiver = this.newest(first.name, first).value;
        if (first.names.length > 0) return this.fields(dot, { receiver, names: first.names, node: first, words: command.words, piped });
        this.notAFunction(command, first, piped);
        return receiver;
      }
    }
    this.notAFunction(command, first, piped);
    if (first.kind === "pipe") return this.pipeline(dot, first);
    if (first.kind === "dot") return dot;
    if (first.kind === "nil") return this.options.fail(first, "nil is not a command");
    return this.settled(first, ideal(first) as Answer);
  }

  private notAFunction(command: CommandNode, first: Operand, piped: Piped): void {
    if (command.words.length > 1 || piped !== NONE) this.options.fail(first, `can't give argument to non-function ${described(first)}`);
  }

  private settled(spot: Spot, answer: Answer): Value {
    return "problem" in answer ? this.options.fail(spot, answer.problem) : answer.value;
  }

  private newest(name: string, spot: Spot): Variable {
    const { variables } = this;
    for (let index = variables.length - 1; index >= 0; index--) {
      const variable = variables[index] as Variable;
      if (variable.name === name) return variable;
    }
    return this.options.fail(spot, `undefined variable: ${name}`);
  }

  /** What stands before the fields of (pipeline).Field. */
  private chained(dot: Value, node: Operand): Value {
    if (node.kind === "pipe") return this.pipeline(dot, node);
    if (node.kind === "identifier") return this.named(dot, node, { spot: node, words: [], piped: NONE });
    return this.operand(dot, node);
  }

  /** .A.B.C: the last one gets the arguments, if it is a method. */
  private fields(dot: Value, of: FieldAccess): Value {
    let { receiver } = of;
    const last = of.names.length - 1;
    for (let index = 0; index < last; index++) {
      receiver = this.field(dot, of.names[index] as string, { ...of, receiver, words: [], piped: NONE });
    }
    return this.field(dot, of.names[last] as string, { ...of, receiver });
  }

  private field(dot: Value, name: string, of: FieldAccess): Value {
    const { receiver, node } = of;
    const { fail, errorOnMissingKey, missingIsZero } = this.options;
    if (receiver === undefined) return errorOnMissingKey ? fail(node, `nil data; no entry for key "${name}"`) : undefined;
    if (receiver === null) return fail(node, `nil pointer evaluating interface {}.${name}`);
    const method = methodsOf(receiver)?.get(name);
    if (method !== undefined)
      return this.invoke(dot, { name, body: method, builtin: false }, { spot: node, words: of.words, piped: of.piped });
    const hasArguments = of.words.length > 1 || of.piped !== NONE;
    if (receiver instanceof GoStruct && receiver.fields.has(name)) {
      return hasArguments ? fail(node, `${name} has arguments but cannot be invoked as function`) : receiver.fields.get(name);
    }
    if (receiver instanceof GoMap && takesText(receiver)) {
      if (hasArguments) fail(node, `${name} is not a method but has arguments`);
      if (receiver.entries.has(name)) return receiver.entries.get(name);
      if (errorOnMissingKey) return fail(node, `map has no entry for key "${name}"`);
      return missingIsZero ? zeroOf(mapTypes(receiver).element) : undefined;
    }
    return fail(node, `can't evaluate field ${name} in type ${typeName(receiver)}`);
  }

  private named(dot: Value, node: Operand & { readonly kind: "identifier" }, call: Call): Value {
    const own = this.options.functions.get(node.name);
    const body = own ?? BUILTINS.get(node.name);
    if (body === undefined) return this.options.fail(node, `"${node.name}" is not a defined function`);
    return this.invoke(dot, { name: node.name, body: body as TemplateFunction, builtin: own === undefined }, call);
  }

  private invoke(dot: Value, callee: Callee, call: Call): Value {
    const { name, body, builtin } = callee;
    const words = call.words.slice(1);
    const count = words.length + (call.piped === NONE ? 0 : 1);
    const wrong = countProblem(body, count);
    if (wrong !== undefined) return this.options.fail(call.spot, `wrong number of args for ${name}: ${wrong}`);
    if (builtin && (name === "and" || name === "or")) return this.shortCircuit(dot, name === "or", words, call.piped);
    const values = words.map((word, index) => this.argument(dot, word, kindAt(body, index)));
    if (call.piped !== NONE) values.push(this.settled(words.at(-1) ?? call.spot, assigned(call.piped, kindAt(body, count - 1))));
    const result = this.guarded(name, call.spot, () => {
      if (builtin && name === "call") return this.call(words[0], values);
      return body.call(values, this.options.context, this.options.rendering);
    });
    this.options.measure(result, call.spot);
    return result;
  }

  private guarded(name: string, spot: Spot, body: () => Value): Value {
    try {
      return body();
    } catch (thrown) {
      if (thrown instanceof TemplateFunctionError) return this.options.fail(spot, `error calling ${name}: ${thrown.message}`);
      throw thrown;
    }
  }

  /** The first that decides it, or the last. What comes after is not evaluated. */
  private shortCircuit(dot: Value, until: boolean, words: readonly Operand[], piped: Piped): Value {
    let value: Value;
    for (const word of words) {
      value = this.argument(dot, word, "any");
      if (isTrue(value) === until) return value;
    }
    return piped === NONE ? value : piped;
  }

  /** `call f a b` */
  private call(named: Operand | undefined, [callee, ...args]: readonly Value[]): Value {
    const name = named === undefined ? "function" : described(named);
    if (callee === null || callee === undefined) throw new TemplateFunctionError("call of nil");
    if (!(callee instanceof GoFunction)) throw new TemplateFunctionError(`non-function ${name} of type ${typeName(callee)}`);
    const wrong = countProblem(callee.body, args.length);
    if (wrong !== undefined) throw new TemplateFunctionError(`wrong number of args for ${name}: ${wrong}`);
    const values = args.map((value, index) => {
      const answer = prepared(value, kindAt(callee.body, index));
      if ("problem" in answer) throw new TemplateFunctionError(`arg ${index}: ${answer.problem}`);
      return answer.value;
    });
    return callee.body.call(values, this.options.context, this.options.rendering);
  }

  private argument(dot: Value, node: Operand, kind: ParameterKind): Value {
    if (node.kind === "nil") return this.settled(node, assignedNil(kind));
    const constant = literal(node, kind);
    if (constant !== undefined) return this.settled(node, constant);
    const value = this.operand(dot, node);
    if (kind === "any") return value === undefined ? null : value;
    return this.settled(node, assigned(value, kind));
  }

  private operand(dot: Value, node: Operand): Value {
    switch (node.kind) {
      case "dot":
        return dot;
      case "pipe":
        return this.pipeline(dot, node);
      case "field":
        return this.fields(dot, { receiver: dot, names: node.names, node, words: [node], piped: NONE });
      case "variable": {
        const receiver = this.newest(node.name, node).value;
        return node.names.length === 0 ? receiver : this.fields(dot, { receiver, names: node.names, node, words: [], piped: NONE });
      }
      case "identifier":
        return this.named(dot, node, { spot: node, words: [], piped: NONE });
      case "chain":
        return this.fields(dot, { receiver: this.chained(dot, node.of), names: node.names, node, words: [], piped: NONE });
      case "nil":
        return this.options.fail(node, "indirection through explicit nil");
      default:
        return this.settled(node, ideal(node) as Answer);
    }
  }
}

interface Call {
  readonly spot: Spot;
  /** The first is what is called. */
  readonly words: readonly Operand[];
  readonly piped: Piped;
}

interface FieldAccess extends Omit<Call, "spot"> {
  readonly receiver: Value;
  readonly names: readonly string[];
  readonly node: Operand;
}

interface Callee {
  readonly name: string;
  readonly body: TemplateFunction;
  readonly builtin: boolean;
}

/** What of a pipeline was evaluated last: there it failed, if what fails comes after it. */
export function lastOf(pipe: PipeNode): Spot {
  const last = pipe.commands.at(-1)?.words.at(-1);
  if (last === undefined) return pipe;
  return last.kind === "pipe" ? lastOf(last) : last;
}

function takesText(map: GoMap): boolean {
  const { key } = mapTypes(map);
  return key === "string" || key === "interface {}" || key === "any";
}

function kindAt(body: TemplateFunction, index: number): ParameterKind {
  const { parameters } = body;
  return parameters === undefined ? "any" : (parameters[index] ?? parameters.at(-1) ?? "any");
}

function countProblem(body: TemplateFunction, count: number): string | undefined {
  const { minimum, maximum } = body;
  if (count >= minimum && (maximum === undefined || count <= maximum)) return undefined;
  if (maximum === undefined) return `want at least ${minimum} got ${count}`;
  return `want ${minimum === maximum ? minimum : `${minimum} to ${maximum}`} got ${count}`;
}
