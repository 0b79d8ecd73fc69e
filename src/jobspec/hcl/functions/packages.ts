/**
 * Packages few job files need, loaded when one does: yaml alone takes as long to load as the rest of the room.
 *
 * From sources `require` is not there and is made; in the packed release esbuild puts what `require` names literally into the bundle, unrun
 * until it is asked for. (Functions of job files are synchronous: `await import()` is no way.)
 */
import { createRequire } from "node:module";
import type * as Bcrypt from "bcryptjs";
import type * as Yaml from "yaml";

export function loadYaml(): typeof Yaml {
  return (typeof require === "undefined" ? createRequire(import.meta.url)("yaml") : require("yaml")) as typeof Yaml;
}

export function loadBcrypt(): typeof Bcrypt {
  return (typeof require === "undefined" ? createRequire(import.meta.url)("bcryptjs") : require("bcryptjs")) as typeof Bcrypt;
}
