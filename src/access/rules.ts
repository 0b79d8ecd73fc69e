/** Rules of several policies become one set: capabilities add up, and deny wins over everything said of the same name. */
import { expandNamespace, expandVariable, plainCapabilities } from "./capabilities.ts";
import type { Grant, Level, Rules } from "./contract.ts";

export const NO_RULES: Rules = {
  Namespaces: [],
  NodePools: [],
  HostVolumes: [],
  Node: "",
  Agent: "",
  Operator: "",
  OperatorCapabilities: [],
  Quota: "",
  Plugin: "",
};

/** Everything: also what everybody has where access control is off. */
export const EVERYTHING: Grant = {
  Subject: "anonymous",
  Management: true,
  Rules: NO_RULES,
  Workload: null,
  AccessorID: "",
  ExpiresAtMs: null,
};
/** Nothing at all: somebody nobody opened anything for. */
export const NOTHING: Grant = { ...EVERYTHING, Management: false };

type NamespaceRule = Rules["Namespaces"][number];
interface Named {
  readonly Name: string;
  readonly Capabilities: readonly string[];
}

/** Their order does not matter: names and capabilities come out sorted. */
export function mergeRules(all: readonly Rules[]): Rules {
  return {
    Namespaces: mergeNamespaces(all.flatMap(({ Namespaces }) => Namespaces)),
    NodePools: mergeNamed(all.flatMap(({ NodePools }) => NodePools)),
    HostVolumes: mergeNamed(all.flatMap(({ HostVolumes }) => HostVolumes)),
    Node: strongest(all.map(({ Node }) => Node)),
    Agent: strongest(all.map(({ Agent }) => Agent)),
    Operator: strongest(all.map(({ Operator }) => Operator)),
    OperatorCapabilities: plainCapabilities(all.flatMap(({ OperatorCapabilities }) => OperatorCapabilities)),
    Quota: strongest(all.map(({ Quota }) => Quota)),
    Plugin: strongest(all.map(({ Plugin }) => Plugin)),
  };
}

function mergeNamespaces(rules: readonly NamespaceRule[]): Rules["Namespaces"] {
  return grouped(rules, ({ Name }) => Name).map(([Name, same]) => ({
    Name,
    Capabilities: expandNamespace(same.flatMap(({ Capabilities }) => Capabilities)),
    Variables: grouped(
      same.flatMap(({ Variables }) => Variables),
      ({ Path }) => Path,
    ).map(([Path, paths]) => ({ Path, Capabilities: expandVariable(paths.flatMap(({ Capabilities }) => Capabilities)) })),
  }));
}

function mergeNamed(rules: readonly Named[]): readonly Named[] {
  return grouped(rules, ({ Name }) => Name).map(([Name, same]) => ({
    Name,
    Capabilities: plainCapabilities(same.flatMap(({ Capabilities }) => Capabilities)),
  }));
}

function grouped<T>(list: readonly T[], keyOf: (each: T) => string): readonly (readonly [string, readonly T[]])[] {
  return [...Map.groupBy(list, keyOf)].sort(([x], [y]) => (x < y ? -1 : 1));
}

const LEVELS: readonly (Level | "")[] = ["", "list", "read", "scale", "write", "deny"];

function strongest(levels: readonly (Level | "")[]): Level | "" {
  return levels.reduce((most, level) => (LEVELS.indexOf(level) > LEVELS.indexOf(most) ? level : most), "");
}
