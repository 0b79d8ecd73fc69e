/** What happens to an allocation around its tasks, in order. Each file says when it acts. */
import type { Pipeline } from "../../step.ts";
import type { AllocationContext } from "../context.ts";
import { awaitPrevious } from "./await-previous.ts";
import { consulSockets } from "./consul-sockets.ts";
import { directory } from "./directory.ts";
import { identities } from "./identities.ts";
import { logPipes } from "./log-pipes.ts";
import { network } from "./network.ts";
import { record } from "./record.ts";
import { services } from "./services.ts";
import { takeOver } from "./take-over.ts";

export const allocationPipeline: Pipeline<AllocationContext> = {
  name: "allocation",
  steps: [record, identities, awaitPrevious, directory, takeOver, logPipes, network, consulSockets, services],
};
