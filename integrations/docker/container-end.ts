/** Waits for a container's end by docker's own word, over a connection that may break: whoever waits looks at the container afterwards. */
import type { IncomingMessage } from "node:http";
import type Docker from "dockerode";

/**
 * Resolves when docker says that it has ended, and when the connection is lost (docker was killed: dockerode's own wait() never settles then).
 * Rejects as docker refuses, or when the signal aborts.
 */
export async function containerEnd(docker: Docker, container: string, signal?: AbortSignal): Promise<void> {
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    docker.modem.dial(
      {
        path: `/containers/${container}/wait?`,
        method: "POST",
        isStream: true,
        statusCodes: { 200: true, 400: "bad parameter", 404: "no such container", 500: "server error" },
        ...(signal === undefined ? {} : { abortSignal: signal }),
      } as never,
      (error: unknown, response: unknown) =>
        error === null || error === undefined ? resolve(response as IncomingMessage) : reject(error as Error),
    );
  });
  await new Promise<void>((resolve) => {
    // "close" comes after the end, and without it where the connection broke.
    answer.once("close", resolve);
    answer.on("error", () => undefined);
    answer.resume();
  });
  signal?.throwIfAborted();
}
