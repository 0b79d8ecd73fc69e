/** What happens around one process, in order; the exits run in reverse. Each file says when it acts. */
import type { Pipeline } from "../../step.ts";
import type { ExecutionContext } from "../context.ts";
import { apiSocket } from "./api-socket.ts";
import { connectNative } from "./connect-native.ts";
import { consulToken } from "./consul-token.ts";
import { devices } from "./devices.ts";
import { driver } from "./driver.ts";
import { directories } from "./directories.ts";
import { environment } from "./environment.ts";
import { identity } from "./identity.ts";
import { logs } from "./logs.ts";
import { meshDrain } from "./mesh-drain.ts";
import { meshReady } from "./mesh-ready.ts";
import { network } from "./network.ts";
import { payload } from "./payload.ts";
import { process } from "./process.ts";
import { proxyBootstrap } from "./proxy-bootstrap.ts";
import { proxyFollow } from "./proxy-follow.ts";
import { remains } from "./remains.ts";
import { secrets } from "./secrets.ts";
import { secret } from "./secret.ts";
import { services } from "./services.ts";
import { shutdownDelay } from "./shutdown-delay.ts";
import { template } from "./template.ts";
import { validate } from "./validate.ts";
import { vaultToken } from "./vault-token.ts";

export const taskPipeline: Pipeline<ExecutionContext> = {
  name: "task",
  steps: [
    driver,
    network,
    environment,
    validate,
    directories,
    secrets,
    identity,
    consulToken,
    connectNative,
    vaultToken,
    logs,
    payload,
    devices,
    apiSocket,
    secret,
    proxyBootstrap,
    template,
    meshReady,
    remains,
    process,
    proxyFollow,
    shutdownDelay,
    meshDrain,
    services,
  ],
};
