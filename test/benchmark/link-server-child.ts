/** A server's end of the node link and of the servers' own, and nothing behind them. Tells its address; takes the list of all servers; `count` is how many nodes are in. */
import { serveLink } from "#integrations/link";
import { QUIET_SERVERS } from "../quiet-servers.ts";

const nothing = () => Promise.reject(new Error("no part of this benchmark"));
const NOTHING = {
  introduce: nothing,
  beat: nothing,
  holdsNode: nothing,
  keyEncryption: nothing,
  snapshot: () => {
    throw new Error("no part of this benchmark");
  },
  api: () => undefined,
};
const TTL_MS = 10_000;
let count = 0;

const served = await serveLink({
  accept: {
    async connect() {
      count++;
      return {
        register: async () => ({ HeartbeatTtlMs: TTL_MS }),
        heartbeat: async () => ({ HeartbeatTtlMs: TTL_MS }),
        updateAllocations: async () => undefined,
        ...QUIET_SERVERS,
        close: () => void count--,
      };
    },
  },
  peer: {
    ...NOTHING,
    propose: async (command) => ({ ok: true, index: command.length }),
  },
  host: "127.0.0.1",
  port: 0,
  connectionsPerClientMax: 0,
  report: () => undefined,
});
process.on("message", (message: { readonly servers?: readonly string[] }) => {
  if (message.servers !== undefined) served.tellServers(message.servers);
  process.send?.({ count });
});
process.once("disconnect", () => process.exit(0));
process.send?.({ address: served.address });
