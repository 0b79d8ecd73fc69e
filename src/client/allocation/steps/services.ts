/** Nothing of an allocation that ended is known anywhere. Offered while it lives: registration/offering.ts. nomad.md §2.5 "group_services". */
import type { Step } from "../../step.ts";
import type { AllocationContext } from "../context.ts";

export const services: Step<AllocationContext> = {
  name: "services",
  exit: ({ world, allocation }) => world.registrar.withdraw(allocation().ID),
};
