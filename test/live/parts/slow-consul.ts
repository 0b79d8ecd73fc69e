/** A bad network before Consul: answers come late, or nobody is there. */
import { connect, createServer, type Server, type Socket } from "node:net";
import type { RealConsul } from "./consul.ts";
import { freePorts } from "./ports.ts";

export interface SlowConsul {
  /** `host:port`: give this to who shall have the bad network. */
  readonly address: string;
  readonly port: number;
  /** Requests are passed on at once; what is answered from now on comes this much later. */
  setDelay(delayMs: number): void;
  /** Every connection breaks, and new ones are refused, until heal(). */
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** Connections that were opened so far. */
  connections(): number;
  remove(): Promise<void>;
}

/** What it stands before, and where, if not Consul's HTTP API on this machine's loopback. */
export interface SlowPlace {
  /** Its own address. */
  readonly listen?: string;
  /** Consul's. */
  readonly host?: string;
  readonly port?: number;
}

/** A TCP proxy to Consul's HTTP API. Goes with its Consul. */
export async function slowConsul(
  consul: Pick<RealConsul, "httpPort" | "beforeRemove">,
  delayMs = 0,
  { listen = "127.0.0.1", host = "127.0.0.1", port: to }: SlowPlace = {},
): Promise<SlowConsul> {
  const [port = 0] = await freePorts(1);
  const open = new Set<Socket>();
  let delay = delayMs;
  let opened = 0;
  let server: Server | undefined;

  const pass = (client: Socket): void => {
    opened++;
    const upstream = connect(to ?? consul.httpPort, host);
    const both = [client, upstream];
    for (const socket of both) {
      open.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => open.delete(socket));
    }
    client.on("data", (data: Buffer) => upstream.write(data));
    client.on("end", () => upstream.end());
    client.on("close", () => upstream.destroy());
    // In their order, each at its time: a shorter delay never overtakes a longer one.
    let before = Promise.resolve();
    const later = (action: () => void): void => {
      const due = new Promise<void>((resolve) => setTimeout(resolve, delay).unref());
      before = Promise.all([before, due]).then(() => {
        if (!client.destroyed) action();
      });
    };
    upstream.on("data", (data: Buffer) => later(() => client.write(data)));
    upstream.on("end", () => later(() => client.end()));
    upstream.on("error", () => client.destroy());
  };

  const cut = async (): Promise<void> => {
    const closing = server;
    server = undefined;
    if (closing === undefined) return;
    const closed = new Promise((resolve) => closing.close(resolve));
    for (const socket of open) socket.destroy();
    await closed;
  };
  const heal = async (): Promise<void> => {
    if (server !== undefined) return;
    const listening = createServer({ allowHalfOpen: true }, pass);
    await new Promise<void>((resolve, reject) => {
      listening.once("error", reject);
      listening.listen(port, listen, resolve);
    });
    server = listening;
  };
  await heal();
  consul.beforeRemove(cut);
  return {
    address: `${listen}:${port}`,
    port,
    setDelay: (value) => void (delay = value),
    cut,
    heal,
    connections: () => opened,
    remove: cut,
  };
}
