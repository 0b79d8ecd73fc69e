/** Every function a template can call, both engines; those that an operator denies answer that they are disabled. */
import { ARITHMETIC } from "./arithmetic.ts";
import { BASICS } from "./basics.ts";
import { COLLECTIONS } from "./collections.ts";
import { CONSUL_FUNCTIONS } from "./consul.ts";
import { CONVERSIONS } from "./convert.ts";
import { type Declared, fail, takesMany } from "./declare.ts";
import { deniedBy } from "./denied.ts";
import { NOMAD_FUNCTIONS } from "./nomad.ts";
import { sockaddr } from "./sockaddr.ts";
import { SPRIG_TEXT } from "./sprig-text.ts";
import { SPRIG_VALUES } from "./sprig-values.ts";
import { TEXT_FUNCTIONS } from "./text-functions.ts";
import { VAULT_FUNCTIONS } from "./vault.ts";

export const FUNCTIONS: ReadonlyMap<string, Declared> = new Map(
  Object.entries({
    ...ARITHMETIC,
    ...BASICS,
    ...COLLECTIONS,
    ...CONSUL_FUNCTIONS,
    ...CONVERSIONS,
    ...NOMAD_FUNCTIONS,
    ...TEXT_FUNCTIONS,
    ...VAULT_FUNCTIONS,
    sockaddr,
    ...Object.fromEntries([...SPRIG_TEXT, ...SPRIG_VALUES].map(([name, declared]) => [`sprig_${name}`, declared])),
  }).map(([name, declared]) => [name, counted(declared)]),
);

/** `denied`: names, "*" stands for anything in them ("sprig_*"). */
export function functionsWithout(denied: readonly string[]): ReadonlyMap<string, Declared> {
  if (denied.length === 0) return FUNCTIONS;
  const isDenied = deniedBy(denied);
  return new Map([...FUNCTIONS].map(([name, declared]) => [name, isDenied(name) ? disabled(name) : declared]));
}

function counted(declared: Declared): Declared {
  return {
    ...declared,
    call(args, looking, rendering) {
      looking.counted();
      return declared.call(args, looking, rendering);
    },
  };
}

const disabled = (name: string): Declared => takesMany(["any"], 0, () => fail(`${name}: function is disabled`));
