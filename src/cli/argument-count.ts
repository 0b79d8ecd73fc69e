/** How many arguments a command takes, as its usage says it: "job status [options] [<job>]" takes one at most. Pure. */

/** What to say to `count` arguments; undefined: they are not too many. */
export function tooManyArguments(usage: string, count: number): string | undefined {
  if (/…|\.\.\./.test(usage)) return undefined;
  const nouns = usage.match(/\[?<[^>]+>\]?/g) ?? [];
  if (count <= nouns.length) return undefined;
  if (nouns.length === 0) return "This command takes no arguments";
  const few = nouns.length === 1 ? "one argument" : `${nouns.length} arguments`;
  const most = nouns.some((each) => each.startsWith("[")) ? "at most " : "";
  return `This command takes ${most}${few}: ${nouns.join(" ")}`;
}
