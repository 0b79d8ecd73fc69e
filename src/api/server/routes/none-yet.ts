/** Nouns of which there are none in this version: deployments, registered services. A list of them is empty, one of them is not found. */
import { reading } from "../blocking.ts";
import { value, type Handler } from "../call.ts";
import { notFound } from "../refusal.ts";

export const listNone: Handler = reading([], () => ({ index: 1, answer: () => value([], { index: 1 }) }));

/** A job's newest deployment. */
export const readNone: Handler = reading([], () => ({ index: 1, answer: () => value(null, { index: 1 }) }));

export const missingDeployment: Handler = reading([], () => ({
  index: 1,
  answer() {
    throw notFound("deployment not found");
  },
}));
