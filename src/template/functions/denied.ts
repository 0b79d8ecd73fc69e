/** Which functions a template may not call. */

/** What Nomad denies when its operator says nothing. */
export const DENIED_BY_DEFAULT: readonly string[] = ["executeTemplate", "plugin", "writeToFile"];

/** They run programs and write files: never in here, allowed or not. */
const NEVER_ALLOWED: readonly string[] = ["plugin", "writeToFile"];

/** `denied`: names, "*" stands for anything in them ("sprig_*"). */
export function deniedBy(denied: readonly string[]): (name: string) => boolean {
  const patterns = denied.map((glob) => new RegExp(`^${glob.replace(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*")}$`));
  return (name) => patterns.some((pattern) => pattern.test(name));
}

/** How to mend a template that calls the function; undefined: it may. */
export function denialBy(denied: readonly string[]): (name: string) => string | undefined {
  const isDenied = deniedBy(denied);
  return (name) => {
    if (NEVER_ALLOWED.includes(name)) return "Templates run no programs and write no other files: let the task do it";
    return isDenied(name)
      ? "Leave it out, or take it from client { template { function_denylist = […] } } of every agent, servers' too"
      : undefined;
  };
}
