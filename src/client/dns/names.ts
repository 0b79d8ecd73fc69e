/**
 * What a name below our domain asks for. Pure. The forms are those Consul's users know:
 *
 *   web.service.drover                 the service in namespace default
 *   v2.web.service.drover              those of its instances that have the tag v2
 *   web.service.prod.drover            in namespace prod
 *   _web._v2.service.drover            RFC 2782; _tcp and _udp stand for any tag
 *   7f000001.addr.drover               the address itself: what SRV answers point at
 */
export type Wanted =
  | { readonly kind: "service"; readonly name: string; readonly tag: string; readonly namespace: string }
  | { readonly kind: "address"; readonly address: string }
  /** The domain itself. */
  | { readonly kind: "apex" }
  /** Below the domain, and nothing that could ever be there. */
  | { readonly kind: "nothing" }
  /** Not ours to answer. */
  | { readonly kind: "foreign" };

const DEFAULT_NAMESPACE = "default";

export function wantedBy(question: string, domain: string): Wanted {
  const name = question.toLowerCase().replace(/\.$/, "");
  const own = domain.toLowerCase();
  if (name === own) return { kind: "apex" };
  if (!name.endsWith(`.${own}`)) return { kind: "foreign" };
  const labels = name.slice(0, -own.length - 1).split(".");
  const at = labels.lastIndexOf("service");
  if (at > 0 && labels.length - at <= 2) return service(labels.slice(0, at), labels[at + 1] ?? DEFAULT_NAMESPACE);
  if (labels.length === 2 && labels[1] === "addr") {
    const address = addressOf(labels[0] as string);
    if (address !== undefined) return { kind: "address", address };
  }
  return { kind: "nothing" };
}

function service(labels: readonly string[], namespace: string): Wanted {
  const [first, second] = labels as [string, string?];
  if (labels.length === 2 && first.startsWith("_") && second?.startsWith("_") === true) {
    const tag = second.slice(1);
    return { kind: "service", name: first.slice(1), tag: tag === "tcp" || tag === "udp" ? "" : tag, namespace };
  }
  // A tag may hold dots, a service's name never does.
  return { kind: "service", name: labels.at(-1) as string, tag: labels.slice(0, -1).join("."), namespace };
}

/** "127.0.0.1" → "7f000001"; IPv6 as 32 digits. Undefined: not an address. */
export function addressLabel(address: string): string | undefined {
  const four = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address);
  if (four !== null)
    return four
      .slice(1)
      .map((part) => Number(part).toString(16).padStart(2, "0"))
      .join("");
  const groups = expanded(address);
  return groups?.map((group) => group.padStart(4, "0")).join("");
}

function addressOf(label: string): string | undefined {
  if (/^[0-9a-f]{8}$/.test(label)) return (label.match(/../g) as string[]).map((byte) => Number.parseInt(byte, 16)).join(".");
  if (/^[0-9a-f]{32}$/.test(label)) return (label.match(/..../g) as string[]).map((group) => group.replace(/^0{1,3}/, "")).join(":");
  return undefined;
}

/** The eight groups of an IPv6 address. */
function expanded(address: string): readonly string[] | undefined {
  if (!/^[0-9a-f:]+$/i.test(address) || !address.includes(":")) return undefined;
  const [head = "", tail] = address.toLowerCase().split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length;
  const all = [...before, ...Array.from({ length: zeros }, () => "0"), ...after];
  return all.length === 8 && zeros >= 0 ? all : undefined;
}
