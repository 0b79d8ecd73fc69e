/**
 * Packages that few templates need, loaded when one does: handlebars takes 45 ms, yaml 25.
 *
 * From sources `require` is not there and is made; in the packed release esbuild puts what `require` names literally into the bundle, unrun
 * until it is asked for.
 */
import { createRequire } from "node:module";
import type * as Handlebars from "handlebars";
import type * as Yaml from "yaml";

export function loadHandlebars(): typeof Handlebars {
  return (typeof require === "undefined" ? createRequire(import.meta.url)("handlebars") : require("handlebars")) as typeof Handlebars;
}

export function loadYaml(): typeof Yaml {
  return (typeof require === "undefined" ? createRequire(import.meta.url)("yaml") : require("yaml")) as typeof Yaml;
}
