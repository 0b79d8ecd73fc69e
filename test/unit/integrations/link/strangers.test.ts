/** What a server does with those who are no nodes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Client, credentials } from "@grpc/grpc-js";
import { pack, unpackFault } from "../../../../integrations/link/body.ts";
import { type Frame, frame, KIND } from "../../../../integrations/link/frame.ts";
import { CONTROL, SERVICES } from "../../../../integrations/link/service.ts";
import { acceptor, serve } from "./parts.ts";

/** Says these frames, and waits for the end; answers with the code of the refusal and the words of it. */
async function say(
  address: string,
  method: typeof CONTROL,
  frames: readonly Frame[],
): Promise<{ readonly refusal: string; readonly ended: boolean }> {
  const client = new Client(address, credentials.createInsecure());
  const stream = client.makeBidiStreamRequest(method.path, method.requestSerialize, method.responseDeserialize);
  let refusal = "";
  stream.on("data", (received: Frame) => {
    if (received.kind !== KIND.fault) return;
    const { code, message } = unpackFault(received.body);
    refusal = `${code} ${message}`;
  });
  const ended = new Promise<boolean>((resolve) => {
    stream.on("end", () => resolve(true));
    stream.on("error", () => resolve(true));
  });
  for (const each of frames) stream.write(each);
  const done = await ended;
  client.close();
  return { refusal, ended: done };
}

const limit = { timeout: 15_000 };

test("who does not begin with a hello is refused, and so is a ticket that nobody gave", limit, async () => {
  const servers = acceptor();
  const served = await serve(servers.accept);
  try {
    const call = frame(KIND.call, { call: 1, method: "updateAllocations", body: pack([[]]) });
    assert.match((await say(served.address, CONTROL, [call])).refusal, /LINK_REFUSED the first message is not a hello/);
    const forged = frame(KIND.hello, { body: pack({ Version: 1, Ticket: "forged" }) });
    assert.match((await say(served.address, SERVICES, [forged])).refusal, /LINK_REFUSED .*ticket is not one that was given/);
    const garbled = frame(KIND.hello, { body: Uint8Array.of(0xc1, 0xff) });
    assert.match((await say(served.address, CONTROL, [garbled])).refusal, /LINK_/);
    assert.equal(servers.connected, 0);
  } finally {
    await served.close();
  }
});

test("a first message without end is broken off, not gathered", limit, async () => {
  const servers = acceptor();
  const served = await serve(servers.accept);
  try {
    const part = frame(KIND.hello, { body: new Uint8Array(10_000), more: true });
    assert.deepEqual(await say(served.address, CONTROL, [part, part, part]), { refusal: "", ended: true });
    assert.equal(servers.connected, 0);
  } finally {
    await served.close();
  }
});
