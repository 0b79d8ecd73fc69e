/**
 * Requests to upgrade to a websocket: GET …/allocation/:id/exec and …/job/:id/action. What is wrong with the request itself is an
 * ordinary HTTP error; what goes wrong later is a close code with the reason. nomad.md §3.4.
 */
import { STATUS_CODES, type IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { parse as parseQuery } from "node:querystring";
import { WebSocketServer } from "ws";
import type { Context } from "../call.ts";
import { guardOrigin, type Guard } from "../origin.ts";
import { Query } from "../query.ts";
import { headersOf } from "../reply/heads.ts";
import { NOTHING, type Grant } from "#access";
import { admitCommand } from "../guard/exec.ts";
import { watchRights } from "../guard/watch-rights.ts";
import { accessOf } from "../guard/who.ts";
import { relayUpgrade, wayElsewhere } from "../relay.ts";
import { refusalOf } from "../reply/refuse.ts";
import { tokenOf } from "../token.ts";
import { isExecPath, readAsk, startCommand, whoAnswers, type ExecAsk } from "./command.ts";
import { runSession } from "./session.ts";

export interface UpgradeDesk {
  readonly context: Context;
  readonly guard: Guard;
  readonly closing: AbortSignal;
}

export interface Upgrades {
  /** Is this one for us? Everything else is answered as an ordinary request. */
  wanted(request: IncomingMessage): boolean;
  handle(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Resolves when every socket is closed. */
  drained(): Promise<void>;
}

/** A frame of input. */
const FRAME_BYTES_MAX = 8 * 1024 * 1024;

export function createUpgrades(desk: UpgradeDesk): Upgrades {
  const sockets = new WebSocketServer({ noServer: true, maxPayload: FRAME_BYTES_MAX, perMessageDeflate: false, clientTracking: false });
  const running = new Set<Promise<void>>();
  const { context } = desk;

  function handle(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => socket.destroy());
    const { path, query } = targetOf(request);
    const startedMs = context.clock.nowMs();
    const answered = (status: number) =>
      context.onAnswered?.({ method: "GET", path, status, durationMs: context.clock.nowMs() - startedMs });
    const onFault = (error: unknown) => context.onFault?.({ method: "GET", path, error });
    const refuse = (error: unknown) => {
      const refusal = refusalOf(error);
      if (refusal.fault) onFault(error);
      answerPlainly(socket, refusal.status, refusal.text, { ...headersOf(context, {}, "text/plain; charset=utf-8"), ...refusal.headers });
      answered(refusal.status);
    };
    let ask: ExecAsk;
    try {
      // A page in a browser may open websockets to anywhere: held to the rules of a change.
      guardOrigin(request.headers, true, desk.guard);
      ask = readAsk(path, new Query(query));
    } catch (error) {
      return refuse(error);
    }
    const namespace = new Query(query).text("namespace") || "default";
    const admitted = () => admitCommand(ask, tokenOf(request.headers), namespace, context);
    const here = (grant: Grant) =>
      sockets.handleUpgrade(request, socket, head, (webSocket) => {
        const watched = accessOf(context) === undefined ? undefined : watchRights(grant, context, admitted);
        const session = runSession({
          socket: webSocket,
          clock: context.clock,
          handshake: ask.handshake,
          start: (input, signal) => startCommand(ask, context, input, signal),
          onFault,
          closing: desk.closing,
          ...(watched === undefined ? {} : { lost: watched.lost }),
        }).finally(() => {
          watched?.end();
          running.delete(session);
          answered(101);
        });
        running.add(session);
      });
    let grant: Grant = NOTHING;
    void admitted()
      .then((admittedNow) => {
        grant = admittedNow;
        return whoAnswers(ask, context, request.headers);
      })
      .catch((error: unknown) => {
        const elsewhere = wayElsewhere(error, context, request.headers);
        if (elsewhere === undefined) throw error;
        return elsewhere;
      })
      .then(async (way) => {
        if (way === undefined) return here(grant);
        const shut = () => socket.destroy();
        desk.closing.addEventListener("abort", shut, { once: true });
        await relayUpgrade(request, socket, head, way, (status, text) =>
          answerPlainly(socket, status, text, headersOf(context, {}, "text/plain; charset=utf-8")),
        ).finally(() => desk.closing.removeEventListener("abort", shut));
        answered(101);
      })
      .catch(refuse);
  }

  return {
    wanted: (request) =>
      request.method === "GET" && String(request.headers.upgrade ?? "").toLowerCase() === "websocket" && isExecPath(targetOf(request).path),
    handle,
    drained: async () => void (await Promise.all(running)),
  };
}

function targetOf(request: IncomingMessage): { readonly path: string; readonly query: NodeJS.Dict<string | string[]> } {
  const target = request.url ?? "/";
  const mark = target.indexOf("?");
  return mark < 0 ? { path: target, query: {} } : { path: target.slice(0, mark), query: parseQuery(target.slice(mark + 1)) };
}

/** The socket is no HTTP response any more: the answer is written by hand. */
function answerPlainly(socket: Duplex, status: number, text: string, headers: Readonly<Record<string, string>>): void {
  const lines = Object.entries({ ...headers, "content-length": String(Buffer.byteLength(text)), connection: "close" });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}\r\n${head}\r\n${text}`);
}
