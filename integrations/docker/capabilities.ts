/** Which capabilities a container has. Pure. nomad.md §1.13: docker's own set without net_raw is what an operator allows by default. */

export const DEFAULT_CAPABILITIES = [
  "audit_write",
  "chown",
  "dac_override",
  "fowner",
  "fsetid",
  "kill",
  "mknod",
  "net_bind_service",
  "setfcap",
  "setgid",
  "setpcap",
  "setuid",
  "sys_chroot",
];

export interface CapabilityChoice {
  /** Sorted, without "CAP_", upper case; exactly these ("ALL" stands for all). */
  readonly granted: readonly string[];
  /** What is taken away first: everything, but where everything is granted; then what the task gives up. */
  readonly dropped: readonly string[];
  /** Asked for and not allowed here. */
  readonly refused: readonly string[];
}

export function chooseCapabilities(
  added: readonly string[],
  dropped: readonly string[],
  allowed: readonly string[] | null,
): CapabilityChoice {
  const allow = new Set((allowed ?? DEFAULT_CAPABILITIES).map(nameOf));
  const everything = allow.has("ALL");
  const ordinary = DEFAULT_CAPABILITIES.map(nameOf).filter((each) => everything || allow.has(each));
  const wanted = added.map(nameOf);
  const drop = new Set(dropped.map(nameOf));
  const more = wanted.flatMap((each) => (each === "ALL" && !everything ? [...allow] : [each]));
  const refused = wanted.filter((each) => each !== "ALL" && !everything && !allow.has(each));
  const kept = (drop.has("ALL") ? [] : ordinary).filter((each) => !drop.has(each));
  const granted = new Set([...kept, ...more.filter((each) => !drop.has(each))]);
  if (granted.has("ALL")) return { granted: ["ALL"], dropped: [...drop].toSorted(), refused };
  return { granted: [...granted].toSorted(), dropped: ["ALL"], refused };
}

function nameOf(text: string): string {
  const upper = text.trim().toUpperCase();
  return upper.startsWith("CAP_") ? upper.slice(4) : upper;
}
