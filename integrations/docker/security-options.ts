/** `security_opt` as docker takes it: a seccomp profile is named by its file in a job and given whole to docker. */
import { readFileSync } from "node:fs";
import { invalid } from "./problem.ts";

export function securityOptions(task: string, written: readonly string[]): string[] {
  return written.map((each) => {
    const [name, ...rest] = each.split("=");
    const value = rest.join("=");
    if (name !== "seccomp" || value === "" || value === "unconfined" || value === "builtin" || value.startsWith("{")) return each;
    try {
      return `seccomp=${JSON.stringify(JSON.parse(readFileSync(value, "utf8")))}`;
    } catch {
      throw invalid(task, `security_opt: "${value}" on this node is no seccomp profile (a file of JSON)`);
    }
  });
}
