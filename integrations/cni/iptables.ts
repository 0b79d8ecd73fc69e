/** Reads and changes packet rules: of the machine, or of a namespace. Changes are one transaction: all of it or nothing. */
import { NamedError } from "#std";
import { type Ran, run } from "./command.ts";
import { readRules, type Rules } from "./rules.ts";

export interface Iptables {
  /** undefined: it cannot be read (not root, no iptables, no such protocol). */
  read(): Promise<Rules | undefined>;
  /** Decides again on what is there and tries again, when somebody else changed it in between. `decide` gives undefined for nothing to do. */
  change(decide: (rules: Rules) => string | undefined): Promise<boolean>;
}

const TRIES = 8;
/** Rules that change while they are read are read again. */
const READ_TRIES = 3;
const WAIT_SECONDS = "30";

/** `namespace`: a path of it; undefined: the machine's own. */
export function iptablesOf(searchPath: string, family: 4 | 6, namespace?: string): Iptables {
  const environment = { PATH: searchPath, LC_ALL: "C" };
  const name = family === 4 ? "iptables" : "ip6tables";
  const call = (words: readonly string[], input?: string): Promise<Ran> => {
    const [command = "", ...rest] = namespace === undefined ? words : ["nsenter", `--net=${namespace}`, ...words];
    return run(command, rest, { environment, ...(input === undefined ? {} : { input }) });
  };
  const read = async (): Promise<Rules | undefined> => {
    for (let turn = 0; turn < READ_TRIES; turn++) {
      const saved = await call([`${name}-save`]);
      if (saved.exitCode === 0) return readRules(saved.stdout);
      // Not there at all.
      if (saved.exitCode === -1) return undefined;
    }
    return undefined;
  };
  return {
    read,
    async change(decide) {
      let words = "";
      for (let turn = 0; turn < TRIES; turn++) {
        const rules = await read();
        if (rules === undefined) return false;
        const text = decide(rules);
        if (text === undefined) return true;
        const restored = await call([`${name}-restore`, "-w", WAIT_SECONDS, "--noflush"], text);
        if (restored.exitCode === 0) return true;
        words = restored.stderr.trim();
      }
      throw new NamedError(
        "NETWORK_PLUGIN_FAILED",
        `Cannot change the packet rules${namespace === undefined ? "" : ` of "${namespace}"`}: ${name}-restore: ${words}`,
        {
          fix: "drover check mesh says what this machine lacks",
        },
      );
    },
  };
}
