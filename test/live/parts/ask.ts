/** Asks a service over HTTP as a stranger would: a connection for each question, by the name it wants to be asked for. */
import { request } from "node:http";
import { eventually } from "../../eventually.ts";
import type { MeshWorld } from "./mesh-world.ts";

const ANSWER_LIMIT_MS = 3_000;

export function ask(address: string, path = "/", host = ""): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { connection: "close", ...(host !== "" && { host }) };
    const question = request(`http://${address}${path}`, { headers, agent: false, timeout: ANSWER_LIMIT_MS }, (answer) => {
      let text = "";
      answer.on("data", (data: Buffer) => (text += data.toString()));
      answer.on("end", () => resolve({ status: answer.statusCode ?? 0, text }));
      answer.on("error", reject);
    });
    question.on("timeout", () => question.destroy(new Error("no answer in time")));
    question.on("error", reject);
    question.end();
  });
}

/** Waits until that is what is answered. */
export async function answers(world: MeshWorld, wanted: string, address: string, path = "/", host = ""): Promise<void> {
  await eventually(
    `"${wanted}" from ${host === "" ? address : `${host} at ${address}`}${path}`,
    async () => {
      const { status, text } = await ask(address, path, host);
      if (status !== 200 || text !== wanted) throw new Error(`${status} ${text}`);
      return true;
    },
    30_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}\n${world.lastWords()}`);
  });
}

/** Nobody takes the connection, or whoever does hangs up without a word of HTTP. */
export async function isTurnedAway(address: string, path = "/"): Promise<boolean> {
  return ask(address, path).then(
    () => false,
    () => true,
  );
}
