/** Where Consul is, as its own command line finds it. */
import { readFileSync } from "node:fs";
import type { ConsulAddress } from "#integrations/consul";
import { NamedError, messageOf } from "#std";
import type { Context } from "./command.ts";

const ADDRESS = "http://127.0.0.1:8500";
const TIMEOUT_MS = 10_000;

/** Throws NamedError CONSUL_SETUP_FILE_UNREADABLE: a token's file that is named. */
export function consulOf(environment: Context["environment"]): ConsulAddress {
  const set = (name: string): string => environment[name] ?? "";
  const address = set("CONSUL_HTTP_ADDR") || ADDRESS;
  const secure = ["1", "true"].includes(set("CONSUL_HTTP_SSL").toLowerCase());
  return {
    address: secure && !/^[a-z]+:\/\//i.test(address) ? `https://${address}` : address,
    token: set("CONSUL_HTTP_TOKEN") || tokenFile(set("CONSUL_HTTP_TOKEN_FILE")),
    auth: set("CONSUL_HTTP_AUTH"),
    tls: {
      caFile: set("CONSUL_CACERT"),
      certFile: set("CONSUL_CLIENT_CERT"),
      keyFile: set("CONSUL_CLIENT_KEY"),
      verify: !["0", "false"].includes(set("CONSUL_HTTP_SSL_VERIFY").toLowerCase()),
    },
    timeoutMs: TIMEOUT_MS,
  };
}

function tokenFile(path: string): string {
  return path === "" ? "" : namedFile(path, "CONSUL_HTTP_TOKEN_FILE").trim();
}

/** `name`: what named it. Throws NamedError CONSUL_SETUP_FILE_UNREADABLE. */
export function namedFile(path: string, name: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (thrown) {
    throw new NamedError("CONSUL_SETUP_FILE_UNREADABLE", `Cannot read ${name} ${JSON.stringify(path)}: ${messageOf(thrown)}`, {
      fix: "Check the path and its rights.",
    });
  }
}
