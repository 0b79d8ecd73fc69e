/**
 * The machine's packet rules, read from what iptables-save prints, and what is to be done about them as text for iptables-restore --noflush.
 *
 * The plugins bridge and portmap write `id: "<label>"` into the comments of the rules that lead to an allocation's own chains; the firewall plugin
 * writes only addresses. So an allocation's rules are: those that name its label, everything in the chains these lead to (and in the chains
 * that the plugins would name after it), and the firewall's rules of its addresses.
 */
import { readLabel } from "./label.ts";

export interface Rule {
  readonly table: string;
  readonly chain: string;
  /** Behind "-A CHAIN ". */
  readonly text: string;
}

export interface Rules {
  readonly chains: readonly { readonly table: string; readonly name: string; readonly policy: string }[];
  readonly rules: readonly Rule[];
}

const FIREWALL_CHAIN = "CNI-FORWARD";

export function readRules(saved: string): Rules {
  const chains: { table: string; name: string; policy: string }[] = [];
  const rules: Rule[] = [];
  let table = "";
  for (const line of saved.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1).trim();
    else if (line.startsWith(":")) {
      const [name = "", policy = "-"] = line.slice(1).split(" ");
      chains.push({ table, name, policy });
    } else if (line.startsWith("-A ")) {
      const [, chain = ""] = line.split(" ", 2);
      rules.push({ table, chain, text: line.slice(3 + chain.length + 1) });
    }
  }
  return { chains, rules };
}

/** The label a rule's comment names; undefined: none of Drover's. */
export function labelIn(rule: Rule): string | undefined {
  const id = containerIn(rule);
  return id !== undefined && readLabel(id) !== undefined ? id : undefined;
}

function containerIn(rule: Rule): string | undefined {
  return /id: \\?"([^"\\]+)\\?"/.exec(rule.text)?.[1];
}

export function labelsIn(rules: Rules): ReadonlySet<string> {
  return new Set(rules.rules.flatMap((rule) => labelIn(rule) ?? []));
}

/** The addresses that the masquerading rules of a label name: its own. */
export function addressesIn(rules: Rules, label: string): readonly string[] {
  return rules.rules.flatMap((rule) => {
    if (rule.chain !== "POSTROUTING" || labelIn(rule) !== label) return [];
    const source = /^-s (\S+)\/(?:32|128) /.exec(rule.text)?.[1];
    return source === undefined ? [] : [source];
  });
}

/** Chains that are an allocation's own; those everybody shares are not. */
const OWN_CHAIN = /^CNI-(DN-|SN-)?[0-9a-f]{16,}$/;

export interface Sweep {
  readonly labels: ReadonlySet<string>;
  /** Chains that may be there though no rule leads to them. */
  readonly chains: ReadonlySet<string>;
  /** The firewall's rules of these go. */
  readonly addresses: ReadonlySet<string>;
}

/** What removes everything of these labels; undefined: nothing is there. */
export function sweepOf(rules: Rules, sweep: Sweep): string | undefined {
  const doomed = new Set(sweep.chains);
  for (const rule of rules.rules) {
    const label = labelIn(rule);
    const target = /(?:^| )-j (\S+)/.exec(rule.text)?.[1] ?? "";
    if (label !== undefined && sweep.labels.has(label) && OWN_CHAIN.test(target)) doomed.add(target);
  }
  const byTable = new Map<string, string[]>();
  const write = (table: string, line: string): void => void byTable.set(table, [...(byTable.get(table) ?? []), line]);
  for (const rule of rules.rules) {
    if (doomed.has(rule.chain)) continue;
    const label = labelIn(rule);
    const target = /(?:^| )-j (\S+)/.exec(rule.text)?.[1] ?? "";
    const ours = (label !== undefined && sweep.labels.has(label)) || doomed.has(target) || firewallRuleOf(rule, sweep.addresses);
    if (ours) write(rule.table, `-D ${rule.chain} ${rule.text}`);
  }
  for (const chain of rules.chains.filter((one) => doomed.has(one.name))) write(chain.table, `-F ${chain.name}`);
  for (const chain of rules.chains.filter((one) => doomed.has(one.name))) write(chain.table, `-X ${chain.name}`);
  return byTable.size === 0 ? undefined : restoreText(byTable);
}

function firewallRuleOf(rule: Rule, addresses: ReadonlySet<string>): boolean {
  if (rule.chain !== FIREWALL_CHAIN) return false;
  const address = /^-[sd] (\S+)\/(?:32|128) /.exec(rule.text)?.[1];
  return address !== undefined && addresses.has(address);
}

function restoreText(byTable: ReadonlyMap<string, readonly string[]>): string {
  return `${[...byTable].map(([table, lines]) => `*${table}\n${lines.join("\n")}\nCOMMIT`).join("\n")}\n`;
}

/** Who a host's port is led to, by the rules: container ids; hostIp "" takes part in every address. */
export function holdersOfPort(rules: Rules, port: { readonly hostPort: number; readonly hostIp: string }): ReadonlySet<string> {
  const holders = new Set<string>();
  for (const rule of rules.rules) {
    if (rule.chain !== "CNI-HOSTPORT-DNAT") continue;
    const container = containerIn(rule);
    const chain = /(?:^| )-j (\S+)/.exec(rule.text)?.[1];
    if (container === undefined || chain === undefined) continue;
    const leads = rules.rules.some((one) => {
      if (one.chain !== chain || !/ -j DNAT /.test(one.text)) return false;
      if (!one.text.includes(`--dport ${port.hostPort} `)) return false;
      const address = /(?:^| )-d (\S+?)(?:\/\d+)? /.exec(one.text)?.[1] ?? "";
      return address === "" || port.hostIp === "" || address === port.hostIp;
    });
    if (leads) holders.add(container);
  }
  return holders;
}

/** Are a label's rules whole: masqueraded, let through, each port led to it? */
export function rulesWhole(
  rules: Rules,
  want: {
    readonly label: string;
    readonly address: string;
    readonly ports: readonly { readonly hostPort: number; readonly to: number }[];
  },
): boolean {
  const own = rules.rules.filter((rule) => labelIn(rule) === want.label);
  const masqueraded = own.some((rule) => rule.chain === "POSTROUTING") && own.some((rule) => rule.text.endsWith("-j MASQUERADE"));
  const passed = rules.rules.some((rule) => rule.chain === FIREWALL_CHAIN && rule.text === `-s ${want.address}/32 -j ACCEPT`);
  const entered = rules.rules.some((rule) => rule.chain === "FORWARD" && rule.text.endsWith(`-j ${FIREWALL_CHAIN}`));
  return masqueraded && passed && entered && portsLed(rules, want);
}

/** Of one family: are these ports of the machine led to this address of a label's? */
export function portsLed(
  rules: Rules,
  want: { readonly label: string; readonly address: string; readonly ports: readonly { readonly hostPort: number; readonly to: number }[] },
): boolean {
  const own = rules.rules.filter((rule) => labelIn(rule) === want.label);
  const chains = new Set(own.map((rule) => /(?:^| )-j (\S+)/.exec(rule.text)?.[1] ?? ""));
  const address = want.address.includes(":") ? `[${want.address}]` : want.address;
  const led = want.ports.every((port) =>
    ["tcp", "udp"].every((protocol) =>
      rules.rules.some(
        (rule) =>
          chains.has(rule.chain) &&
          rule.text.includes(`-p ${protocol} `) &&
          rule.text.includes(`--dport ${port.hostPort} `) &&
          rule.text.endsWith(`--to-destination ${address}:${port.to}`),
      ),
    ),
  );
  const reached =
    want.ports.length === 0 ||
    ["PREROUTING", "OUTPUT"].every((chain) =>
      rules.rules.some((rule) => rule.chain === chain && rule.text.endsWith("-j CNI-HOSTPORT-DNAT")),
    );
  return led && reached;
}

/** The masquerading that the plugin `bridge` writes once, written again when something flushed the rules. */
export function masqueradeText(want: {
  readonly network: string;
  readonly label: string;
  readonly chain: string;
  readonly address: string;
  readonly subnet: string;
}): string {
  const comment = `-m comment --comment "name: \\"${want.network}\\" id: \\"${want.label}\\""`;
  const multicast = want.address.includes(":") ? "ff00::/8" : "224.0.0.0/4";
  return restoreText(
    new Map([
      [
        "nat",
        [
          `:${want.chain} - [0:0]`,
          `-A ${want.chain} -d ${want.subnet} ${comment} -j ACCEPT`,
          `-A ${want.chain} ! -d ${multicast} ${comment} -j MASQUERADE`,
          `-A POSTROUTING -s ${want.address} ${comment} -j ${want.chain}`,
        ],
      ],
    ]),
  );
}

/** The admin chain's rule that lets new connections reach a bridge though the machine's policy is DROP (docker's): undefined when it is there. */
export function admissionText(
  rules: Rules,
  want: { readonly chain: string; readonly bridge: string; readonly subnet: string },
): string | undefined {
  const rule = `-d ${want.subnet} -o ${want.bridge} -j ACCEPT`;
  if (rules.rules.some((one) => one.chain === want.chain && sameWords(one.text, rule))) return undefined;
  const known = rules.chains.some((one) => one.table === "filter" && one.name === want.chain);
  return restoreText(new Map([["filter", [...(known ? [] : [`:${want.chain} - [0:0]`]), `-A ${want.chain} ${rule}`]]]));
}

/** Is a packet for this bridge let through, whatever the policy? Its jump stands in FORWARD, before what drops everything. */
export function forwardsTo(rules: Rules, want: { readonly chain: string; readonly bridge: string }): boolean {
  const admitted = rules.rules.some(
    (one) => one.chain === want.chain && one.text.includes(`-o ${want.bridge} `) && one.text.endsWith("-j ACCEPT"),
  );
  const jump = rules.rules.some((one) => one.chain === "FORWARD" && one.text.endsWith(`-j ${FIREWALL_CHAIN}`));
  const inner = rules.rules.some((one) => one.chain === FIREWALL_CHAIN && one.text.endsWith(`-j ${want.chain}`));
  const direct = rules.rules.some(
    (one) => one.chain === "FORWARD" && one.text.includes(`-o ${want.bridge} `) && one.text.endsWith("-j ACCEPT"),
  );
  return direct || (admitted && jump && inner);
}

function sameWords(one: string, other: string): boolean {
  return one.split(" ").sort().join(" ") === other.split(" ").sort().join(" ");
}
