/**
 * The HTTP server: fastify routes and reads, dispatch.ts answers, the sockets are node's own so that one API can listen on several
 * addresses and unix sockets.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { readBody } from "./body.ts";
import type { Context } from "./call.ts";
import { dispatch, takesUpload, type Desk } from "./dispatch.ts";
import { createUpgrades } from "./exec/upgrade.ts";
import type { Api, ApiOptions } from "./facts.ts";
import { CreationOrders } from "./listing/creation-order.ts";
import { accessOf } from "./guard/who.ts";
import { createListeners } from "./listeners.ts";
import { jobTails, matchJobPath, routablePaths, type Matched } from "./paths.ts";
import { notFound } from "./refusal.ts";
import { KeptTexts } from "./reply/kept-texts.ts";
import { headersOf, type Headers } from "./reply/heads.ts";
import { refusalOf } from "./reply/refuse.ts";
import { createTaskSockets } from "./task-sockets.ts";
import { createTexts } from "./texts.ts";

/** GET, HEAD, PUT, POST and DELETE mean something; the others get "Invalid method". */
const METHODS = ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH", "OPTIONS"];

/** Opens nothing until `listen`. */
export function createApi(options: ApiOptions): Api {
  const closing = new AbortController();
  const orders = new CreationOrders();
  const context: Context = { ...options, texts: createTexts(), orders };
  const guard = { loopbackOnly: true, hostNames: options.hostNames ?? [] };
  const desk: Desk = { context, kept: new KeptTexts(), guard, waiting: new Set(), closing: closing.signal };
  const app = createApp(desk);
  const upgrades = createUpgrades({ context, guard, closing: closing.signal });
  const listeners = createListeners({
    handle: (request, response) => app.routing(request, response),
    upgrades,
    connectionsPerClientMax: options.connectionsPerClientMax ?? 100,
    tls: options.tls ?? null,
    ...(options.patience === undefined ? {} : { patience: options.patience }),
  });

  const taskSockets = createTaskSockets({
    handle: (request, response) => app.routing(request, response),
    upgrades,
    ...(options.patience === undefined ? {} : { patience: options.patience }),
    async mayPass(token) {
      // Somebody's token, or a workload's identity; what either may is judged as everywhere.
      const access = accessOf(options);
      if (access !== undefined) return (await access.resolve(token)).Subject !== "anonymous";
      if (options.server === null) return (await options.verifyIdentity?.(token)) === true;
      return (await options.server.verifyIdentity(token)) !== undefined;
    },
  });

  return {
    taskSockets,
    async listen(addresses) {
      await app.ready();
      const opened = await listeners.open(addresses);
      guard.loopbackOnly = listeners.loopbackOnly;
      return opened;
    },
    get addresses() {
      return listeners.addresses;
    },
    renewTls: (tls) => listeners.renew(tls),
    connect: (connection) => listeners.connect(connection),
    inject: async (request) => (await app.inject(request)) as unknown as Awaited<ReturnType<Api["inject"]>>,
    async close() {
      closing.abort();
      for (const gone of desk.waiting) gone.abort(new Error("the agent stops"));
      orders.close();
      await upgrades.drained();
      await taskSockets.close();
      await listeners.close();
      await app.close();
    },
  };
}

function createApp(desk: Desk): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: Number.MAX_SAFE_INTEGER,
    routerOptions: { maxParamLength: 4096, caseSensitive: true },
    frameworkErrors: (error, request, reply) => void refuse(error, request as FastifyRequest, reply as FastifyReply, desk),
  });
  // Clients send JSON under any content type or none, so the body is read as bytes whatever it is called.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (request, payload, done) => {
    if (takesUpload(request.method, request.url.split("?")[0] ?? "")) return done(null, payload);
    readBody(payload, Number(payload.headers["content-length"] ?? 0)).then(
      (bytes) => done(null, bytes),
      (error: Error) => done(error),
    );
  });
  // Before the body is read: what is refused for its body or its path is an answer too.
  app.addHook("onRequest", (request, reply, done) => {
    tellAnswered(request, reply, desk);
    done();
  });
  app.setErrorHandler((error, request, reply) => refuse(error, request, reply, desk));
  app.setNotFoundHandler((request, reply) => refuse(notFound("Not found"), request, reply, desk));

  const answer = (request: FastifyRequest, reply: FastifyReply, matched: Matched) => {
    const target = request.raw.url ?? "/";
    const mark = target.indexOf("?");
    const arrived = {
      method: request.method,
      path: mark < 0 ? target : target.slice(0, mark),
      target,
      query: request.query,
      headers: request.headers,
      ...(request.body instanceof Readable
        ? { body: undefined, upload: request.body }
        : { body: request.body as Buffer | undefined, upload: undefined }),
      response: reply.raw,
    };
    return settle(dispatch(matched, arrived, desk), request, reply, desk);
  };
  for (const { target, path } of routablePaths()) {
    app.route({
      method: METHODS,
      url: path,
      handler: (request, reply) => answer(request, reply, { target, parameters: request.params as Record<string, string> }),
    });
  }
  const tails = jobTails();
  app.route({
    method: METHODS,
    url: "/v1/job/*",
    handler(request, reply) {
      const target = request.raw.url ?? "/";
      const mark = target.indexOf("?");
      return answer(request, reply, matchJobPath(mark < 0 ? target : target.slice(0, mark), tails));
    },
  });
  return app;
}

/** The answer is written on the raw response; fastify is told to keep its hands off. */
async function settle(answering: Promise<void>, request: FastifyRequest, reply: FastifyReply, desk: Desk): Promise<FastifyReply> {
  reply.hijack();
  try {
    await answering;
  } catch (error) {
    refuse(error, request, reply, desk);
  }
  return reply;
}

function tellAnswered(request: FastifyRequest, reply: FastifyReply, desk: Desk): void {
  const { onAnswered, clock } = desk.context;
  if (onAnswered === undefined) return;
  const startedMs = clock.nowMs();
  reply.raw.once("close", () => {
    onAnswered({ method: request.method, path: pathOf(request.raw), status: reply.raw.statusCode, durationMs: clock.nowMs() - startedMs });
  });
}

function refuse(error: unknown, request: FastifyRequest, reply: FastifyReply, desk: Desk): FastifyReply {
  const response: ServerResponse = reply.raw;
  if (!reply.sent) reply.hijack();
  const refusal = refusalOf(error);
  if (refusal.fault) desk.context.onFault?.({ method: request.method, path: pathOf(request.raw), error: refusal.error });
  // The head is out already: all that is left is to break the connection, so that no one takes a part for the whole.
  if (response.headersSent) {
    response.destroy();
    return reply;
  }
  const text = Buffer.from(refusal.text, "utf8");
  response.writeHead(refusal.status, {
    ...usualHeaders(desk),
    ...refusal.headers,
    "x-content-type-options": "nosniff",
    "content-length": String(text.length),
  });
  response.end(request.method === "HEAD" ? undefined : text);
  return reply;
}

/** A refusal goes out whatever state its server is in: one that cannot say how far it follows still says why it refuses. */
function usualHeaders({ context }: Desk): Headers {
  const type = "text/plain; charset=utf-8";
  try {
    return headersOf(context, {}, type);
  } catch {
    return { "content-type": type };
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? "/").replace(/\?.*$/, "");
}
