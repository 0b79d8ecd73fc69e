/** Services registered without Consul. There is no registry yet: a list of them is empty. */
import { reading } from "../blocking.ts";
import { value, type Handler } from "../call.ts";

export const listNone: Handler = reading([], () => ({ index: 1, answer: () => value([], { index: 1 }) }));
