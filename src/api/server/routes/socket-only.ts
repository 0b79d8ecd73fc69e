/** Endpoints spoken over a websocket (../exec/), asked without one. */
import type { Handler } from "../call.ts";
import { badRequest } from "../refusal.ts";

export const refusePlain: Handler = () => {
  throw badRequest("Cannot answer: this endpoint speaks over a websocket, wanted a request to upgrade");
};
