import { connect, createServer, type AddressInfo, type Socket } from "node:net";

/** A cable: what goes in comes out, until it is cut without either end being told. */
export async function cable(to: number): Promise<{ readonly address: string; cut(): void; remove(): void }> {
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(to, "127.0.0.1");
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    },
    remove() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}
