/** try, can and convert: they look at their arguments before they are values. */
import { FunctionFailure, type FunctionTable, type LazyFunction } from "../scope.ts";
import { survivable } from "../source.ts";
import { ConversionFailure, convertTo, readType } from "../type-expression.ts";

const tryFirst: LazyFunction = {
  lazy: (given, evaluate) => {
    let why = "wants at least one argument";
    for (const expression of given) {
      try {
        return evaluate(expression);
      } catch (thrown) {
        why = `no argument could be evaluated; the last one: ${survivable(thrown).message}`;
      }
    }
    throw new FunctionFailure(why);
  },
};

const can: LazyFunction = {
  lazy: (given, evaluate) => {
    const [expression] = given;
    if (expression === undefined || given.length > 1) throw new FunctionFailure("wants 1 argument (expression)");
    try {
      evaluate(expression);
      return true;
    } catch (thrown) {
      survivable(thrown);
      return false;
    }
  },
};

const convert: LazyFunction = {
  lazy: (given, evaluate) => {
    const [expression, type] = given;
    if (expression === undefined || type === undefined || given.length > 2) throw new FunctionFailure("wants 2 arguments (value, type)");
    const wanted = readType(type, true);
    try {
      return convertTo(evaluate(expression), wanted);
    } catch (thrown) {
      if (thrown instanceof ConversionFailure) throw new FunctionFailure(thrown.message, 0);
      throw thrown;
    }
  },
};

export const CONVERSION: FunctionTable = new Map([
  ["try", tryFirst],
  ["can", can],
  ["convert", convert],
]);
