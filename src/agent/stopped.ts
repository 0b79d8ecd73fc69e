/** The door to stopped-server.ts by paths of configuration, as a command says them; what it needs is loaded when it is opened. */
import { hostname } from "node:os";
import { loadConfig, machineConfigDisk, parseAgentFlags, type Config } from "./config/mod.ts";
import { networkAddressesOfMachine } from "./host-facts.ts";

interface Words {
  /** As of `drover agent -config`. */
  readonly config: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly tell: (line: string) => void;
}

export const stoppedServer = {
  async recover({ config, ...rest }: Words): Promise<{ readonly clusterId: string; readonly lastIndex: number }> {
    const { recoverServer } = await import("./stopped-server.ts");
    return recoverServer({ config: configOf(config, rest.environment), ...rest });
  },
  async look({ config, ...rest }: Words): Promise<{ readonly clusterId: string; readonly lastIndex: number }> {
    const { lookAtServer } = await import("./stopped-server.ts");
    return lookAtServer({ config: configOf(config, rest.environment), ...rest });
  },
  async migrateBackend({ config, ...rest }: Words, to: "consul" | "sqlite"): Promise<"moved" | "there already"> {
    const { migrateBackend } = await import("./stopped-server.ts");
    return migrateBackend({ config: configOf(config, rest.environment), ...rest }, to);
  },
  async stateInArchive(archive: Uint8Array): Promise<unknown> {
    const { stateInArchive } = await import("./stopped-server.ts");
    return stateInArchive(archive);
  },
};

/** Throws ConfigError, a NamedError. */
function configOf(paths: readonly string[], environment: Words["environment"]): Config {
  return loadConfig({
    flags: parseAgentFlags(paths.flatMap((each) => ["-config", each])),
    disk: machineConfigDisk,
    workingDirectory: process.cwd(),
    hostName: hostname(),
    networkAddresses: networkAddressesOfMachine(),
    // Only -dev has one, and -dev is no file's word.
    temporaryDirectory: () => "",
    environment,
  });
}
