/** Requests to web servers, by Node's own client: with the authorities that were named and no others, no redirects, an end in time and size. */
import { type ClientRequest, type IncomingMessage, request as plain } from "node:http";
import { request as secure } from "node:https";
import type { Web, WebAnswer, WebRequest } from "#ports";
import { messageOf, NamedError } from "#std";

export function hostWeb(): Web {
  return { request: (request) => ask(request).catch((thrown: unknown) => Promise.reject(unreachable(request.url, thrown))) };
}

function ask({ method, url, headers = {}, body, certificateAuthorities, timeoutMs, bodyBytesMax }: WebRequest): Promise<WebAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<WebAnswer>();
  const target = new URL(url);
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const options = {
    method,
    headers: { accept: "application/json", ...headers, ...length },
    signal: AbortSignal.timeout(timeoutMs),
    agent: false as const,
    ...(certificateAuthorities.length === 0 ? {} : { ca: [...certificateAuthorities] }),
  };
  const take = (answer: IncomingMessage) => read(answer, bodyBytesMax).then(resolve, reject);
  let request: ClientRequest;
  if (target.protocol === "https:") request = secure(target, options, take);
  else if (target.protocol === "http:") request = plain(target, options, take);
  else throw new Error("only http and https are asked");
  request.on("error", reject);
  request.end(body);
  return promise;
}

async function read(answer: IncomingMessage, bytesMax: number): Promise<WebAnswer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      answer.destroy();
      throw new Error(`the answer is longer than ${bytesMax} bytes`);
    }
    chunks.push(chunk);
  }
  return {
    status: answer.statusCode ?? 0,
    contentType: answer.headers["content-type"] ?? "",
    body: Buffer.concat(chunks).toString("utf8"),
  };
}

function unreachable(url: string, thrown: unknown): NamedError {
  const shown = URL.canParse(url) ? `${new URL(url).origin}${new URL(url).pathname}` : "an address that is none";
  return new NamedError("WEB_UNREACHABLE", `Cannot ask ${shown}: ${messageOf(thrown)}`, { statusCode: 503, cause: thrown });
}
