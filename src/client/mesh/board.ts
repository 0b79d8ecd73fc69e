/** How the proxies of this node stand. (Being built.) */
import type { ProxyBoard } from "../contract.ts";

export function proxyBoard(): ProxyBoard {
  return {
    follow: () => undefined,
    hindered: () => undefined,
    ready: () => true,
    reports: () => Promise.resolve([]),
    forget: () => undefined,
    subscribe: () => () => undefined,
  };
}
