/**
 * Who we are to a registry: the task's `auth` block, then the plugin's helper, then the plugin's file (docker's config.json).
 * What is found goes to docker in one request and nowhere else: no error and no log holds it.
 */
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import type { AuthConfig } from "dockerode";
import type { DockerSettings } from "./options.ts";
import { invalid, startFailed } from "./problem.ts";
import type { ImageName } from "./image-name.ts";
import type { DockerTaskConfig } from "./schema.ts";

const DOCKER_HUB = "https://index.docker.io/v1/";
const HELPER_TIMEOUT_MS = 30_000;

interface ConfigFile {
  readonly auths?: Readonly<
    Record<string, { auth?: string; username?: string; password?: string; email?: string; identitytoken?: string }>
  >;
  readonly credHelpers?: Readonly<Record<string, string>>;
  readonly credsStore?: string;
}

/** undefined: nobody in particular. */
export async function credentialsFor(
  task: string,
  config: Pick<DockerTaskConfig, "auth" | "auth_soft_fail">,
  image: ImageName,
  settings: Pick<DockerSettings, "authFile" | "authHelper">,
): Promise<AuthConfig | undefined> {
  const auth = config.auth;
  if (auth !== undefined && (auth.username ?? "") !== "") {
    return {
      username: auth.username,
      password: auth.password,
      ...(auth.email === "" ? {} : { email: auth.email }),
      serveraddress: auth.server_address || addressOf(image),
    } as AuthConfig;
  }
  if (auth !== undefined && (auth.password ?? "") !== "") throw invalid(task, "its auth block has a password and no username");
  try {
    if (settings.authHelper !== "") {
      const found = await askHelper(settings.authHelper, image);
      if (found !== undefined) return found;
    }
    return settings.authFile === "" ? undefined : await fromFile(settings.authFile, image);
  } catch (thrown) {
    if (config.auth_soft_fail) return undefined;
    // Only what we say ourselves: a helper's output may hold a password.
    const reason = thrown instanceof CredentialProblem ? thrown.message : "the registry's credentials cannot be read";
    throw startFailed(task, reason, 'Mend auth of plugin "docker", or set auth_soft_fail = true in the task\'s config.');
  }
}

class CredentialProblem extends Error {}

const addressOf = (image: ImageName) => (image.registry === "docker.io" ? DOCKER_HUB : image.registry);

function namesOf(image: ImageName): string[] {
  const hub = image.registry === "docker.io" ? [DOCKER_HUB, "docker.io", "index.docker.io"] : [];
  return [...hub, image.registry, `https://${image.registry}`, `http://${image.registry}`];
}

async function fromFile(file: string, image: ImageName): Promise<AuthConfig | undefined> {
  let read: ConfigFile;
  try {
    read = JSON.parse(readFileSync(file, "utf8")) as ConfigFile;
  } catch {
    throw new CredentialProblem(`the auth file "${file}" cannot be read as JSON`);
  }
  const helper =
    namesOf(image)
      .map((name) => read.credHelpers?.[name])
      .find((each) => each !== undefined) ?? read.credsStore;
  if (helper !== undefined && helper !== "") {
    const found = await askHelper(helper, image);
    if (found !== undefined) return found;
  }
  const names = namesOf(image);
  const key = Object.keys(read.auths ?? {}).find((each) => names.includes(each.replace(/\/$/, "")) || names.includes(each));
  const entry = key === undefined ? undefined : read.auths?.[key];
  if (entry === undefined) return undefined;
  const decoded = entry.auth === undefined ? "" : Buffer.from(entry.auth, "base64").toString("utf8");
  const colon = decoded.indexOf(":");
  return {
    username: entry.username ?? decoded.slice(0, Math.max(0, colon)),
    password: entry.password ?? decoded.slice(colon + 1),
    ...(entry.identitytoken === undefined ? {} : { identitytoken: entry.identitytoken }),
    serveraddress: addressOf(image),
  } as AuthConfig;
}

/** `docker-credential-<name> get`: the registry on its input, JSON on its output. undefined: it has none. */
async function askHelper(name: string, image: ImageName): Promise<AuthConfig | undefined> {
  if (!/^[a-zA-Z0-9._-]+$/.test(name)) throw new CredentialProblem(`the credential helper's name "${name}" is not usable`);
  const { code, text } = await run(`docker-credential-${name}`, addressOf(image));
  if (code !== 0) {
    if (/credentials not found/i.test(text)) return undefined;
    throw new CredentialProblem(`docker-credential-${name} ended with ${code}`);
  }
  let answer: { Username?: string; Secret?: string };
  try {
    answer = JSON.parse(text) as typeof answer;
  } catch {
    throw new CredentialProblem(`docker-credential-${name} answered no JSON`);
  }
  const { Username = "", Secret = "" } = answer;
  return (
    Username === "<token>"
      ? { identitytoken: Secret, serveraddress: addressOf(image) }
      : { username: Username, password: Secret, serveraddress: addressOf(image) }
  ) as AuthConfig;
}

function run(command: string, input: string): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ["get"], { stdio: ["pipe", "pipe", "ignore"], timeout: HELPER_TIMEOUT_MS });
    const chunks: Buffer[] = [];
    child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.once("error", () => {
      reject(new CredentialProblem(`${command} cannot be run: it is not on the agent's PATH`));
    });
    child.once("close", (code) => {
      resolve({ code: code ?? -1, text: Buffer.concat(chunks).toString("utf8") });
    });
    child.stdin.on("error", () => {});
    child.stdin.end(input);
  });
}
