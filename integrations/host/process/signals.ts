/** Signal names as job files write them ("SIGINT", "INT", "9"). */
import { constants } from "node:os";
import { NamedError } from "#std";

export function signalName(text: string): NodeJS.Signals {
  const upper = text.trim().toUpperCase();
  const numbered = Object.entries(constants.signals).find(([, number]) => String(number) === upper)?.[0];
  const name = numbered ?? (upper.startsWith("SIG") ? upper : `SIG${upper}`);
  if (!(name in constants.signals)) {
    throw new NamedError(
      "DRIVER_SIGNAL_UNKNOWN",
      `Cannot send signal "${text}": this machine has no such signal, wanted a name as SIGTERM`,
      {
        statusCode: 400,
      },
    );
  }
  return name as NodeJS.Signals;
}

/** The names this machine's drivers understand, sorted. */
export function signalNames(): string[] {
  return Object.keys(constants.signals).sort();
}
