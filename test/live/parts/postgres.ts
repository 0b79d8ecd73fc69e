/** The real PostgreSQL for live tests: a cluster of its own on a free port of the loopback, logins by password, nothing kept safe from power loss. */
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { chmodSync, chownSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { toolPath } from "../../../scripts/tool-path.ts";
import { freePorts } from "./ports.ts";
import { partProcess, withFreshPorts, type PartOwner } from "./process.ts";

const run = promisify(execFile);
/** It refuses to run as root. */
const OWNER = "postgres";

export interface RealPostgres {
  readonly port: number;
  readonly pid: number;
  /** Who may make and drop roles; a secret. */
  readonly admin: { readonly user: string; readonly password: string };
  /** Rows as psql prints them without decoration: columns by "|", rows by line. As the admin unless told. Rejects with psql's words. */
  query(sql: string, login?: { readonly user: string; readonly password: string }): Promise<readonly string[]>;
  /** Login roles that are not its own. */
  logins(): Promise<readonly string[]>;
  /** Stops it at once and starts it again, data kept. */
  restart(): Promise<void>;
  kill(): Promise<void>;
  remove(): Promise<void>;
}

/** Returns when it answers. */
export async function startPostgres(options: { readonly owner?: PartOwner } = {}): Promise<RealPostgres> {
  const part = await partProcess("postgres", options.owner);
  const admin = { user: "admin", password: randomUUID() };
  const data = join(part.folder, "data");
  let port = 0;

  const query: RealPostgres["query"] = async (sql, login = admin) => {
    const arguments_ = [
      "-X",
      "-A",
      "-t",
      "-q",
      "-v",
      "ON_ERROR_STOP=1",
      "-h",
      "127.0.0.1",
      "-p",
      String(port),
      "-U",
      login.user,
      "-d",
      "postgres",
    ];
    const env = { PGPASSWORD: login.password, PGCONNECT_TIMEOUT: "5", PATH: process.env["PATH"] };
    const { stdout } = await run(toolPath("psql"), [...arguments_, "-c", sql], { env });
    return stdout.split("\n").filter((line) => line !== "");
  };
  const asOwner = (command: string, ...rest: readonly string[]): [string, readonly string[]] =>
    process.getuid?.() === 0 ? ["setpriv", [`--reuid=${OWNER}`, `--regid=${OWNER}`, "--init-groups", command, ...rest]] : [command, rest];
  const start = (): Promise<void> => {
    const settings = {
      port,
      listen_addresses: "127.0.0.1",
      unix_socket_directories: data,
      fsync: "off",
      max_connections: 60,
      shared_buffers: "16MB",
    };
    const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    const isReady = () =>
      query("SELECT 1").then(
        () => true,
        () => false,
      );
    return part.start(...asOwner(toolPath("postgres"), "-D", data, ...flags), isReady);
  };
  const initialize = async (): Promise<void> => {
    mkdirSync(data, { mode: 0o700 });
    const passwordFile = join(part.folder, "password");
    writeFileSync(passwordFile, admin.password, { mode: 0o600 });
    if (process.getuid?.() === 0) {
      chmodSync(part.folder, 0o711);
      const { stdout } = await run("id", ["-u", OWNER]);
      const uid = Number(stdout);
      for (const path of [data, passwordFile]) chownSync(path, uid, statSync(path).gid);
    }
    const [command, rest] = asOwner(
      toolPath("initdb"),
      "-D",
      data,
      "-U",
      admin.user,
      "-A",
      "scram-sha-256",
      `--pwfile=${passwordFile}`,
      "-N",
      "--no-instructions",
    );
    await run(command, rest, { cwd: "/" });
  };
  try {
    await initialize();
    await withFreshPorts(async () => {
      [port = 0] = await freePorts(1);
      await start();
    });
  } catch (error) {
    await part.remove();
    throw error;
  }
  return {
    get port() {
      return port;
    },
    get pid() {
      return part.pid;
    },
    admin,
    query,
    logins: () => query(`SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> '${admin.user}' ORDER BY 1`),
    async restart() {
      await part.kill();
      await start();
    },
    kill: part.kill,
    remove: part.remove,
  };
}
