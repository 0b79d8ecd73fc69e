/** Is it a template, and calls only what is there and allowed? Loads the functions' names, not the functions: it is loaded at plan time (check.ts). */
import type { CheckTemplate } from "./contract.ts";
import { denialBy, DENIED_BY_DEFAULT } from "./functions/denied.ts";
import { FUNCTION_NAMES } from "./functions/names.ts";
import { parseGoTemplate } from "./go/parser.ts";
import { compileHandlebars } from "./handlebars/compile.ts";
import { problemOf, shortened } from "./problem.ts";

export const checkTemplate: CheckTemplate = ({ engine, text, leftDelimiter: left, rightDelimiter: right }, denied = DENIED_BY_DEFAULT) => {
  const denial = denialBy(denied);
  try {
    if (engine === "handlebars") compileHandlebars(text, FUNCTION_NAMES, false, denial);
    else parseGoTemplate({ name: "", text, left, right, functions: FUNCTION_NAMES, denial });
    return undefined;
  } catch (thrown) {
    return shortened(problemOf(thrown));
  }
};
