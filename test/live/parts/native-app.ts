/**
 * A program that speaks for itself in the mesh (connect { native = true }), with nothing but what its task was told: its certificate and the
 * authority's roots come from Consul's agent and are exchanged while it runs, and it asks whether a caller may.
 *
 *   node native-app.ts SERVICE ADDRESS PORT [CALLED]
 *
 * Speaks TLS of the mesh at ADDRESS:PORT, and plain HTTP at ADDRESS:PORT+1 for the test:
 *   /          its name
 *   /serial    its certificate's number, and how many certificates it had
 *   /files     the number of the certificate in its task's files, if its key and the authority beside it are its own
 *   /called    its name and what CALLED answers, asked over the mesh's TLS without any proxy of its own
 */
import assert from "node:assert/strict";
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, request, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { createSecureContext, connect, createServer as createTlsServer, type PeerCertificate } from "node:tls";

const RETRY_MS = 250;

interface Leaf {
  readonly SerialNumber: string;
  readonly CertPEM: string;
  readonly PrivateKeyPEM: string;
}

interface Answer<Body> {
  readonly body: Body;
  readonly index: string;
}

const [service = "", address = "", port = "", called = ""] = process.argv.slice(2);
const consulAt = process.env["CONSUL_HTTP_ADDR"] ?? "";
const token = process.env["CONSUL_HTTP_TOKEN"] ?? "";

/** Consul's agent, as its own programs find it. */
function consul<Body>(method: string, path: string, said?: unknown): Promise<Answer<Body>> {
  const where = consulAt.startsWith("unix://")
    ? { socketPath: consulAt.slice("unix://".length) }
    : { host: new URL(consulAt).hostname, port: new URL(consulAt).port };
  return new Promise((resolve, reject) => {
    const headers = { host: "consul", ...(token !== "" && { "x-consul-token": token }) };
    const question = request({ ...where, method, path, headers, agent: false }, (answer) => {
      text(answer).then((body) => {
        if (answer.statusCode !== 200) reject(new Error(`${path}: ${answer.statusCode} ${body}`));
        else resolve({ body: JSON.parse(body) as Body, index: String(answer.headers["x-consul-index"] ?? "") });
      }, reject);
    });
    question.on("error", reject);
    question.end(said === undefined ? undefined : JSON.stringify(said));
  });
}

async function text(stream: IncomingMessage): Promise<string> {
  let all = "";
  for await (const piece of stream) all += String(piece);
  return all;
}

let leaf: Leaf | undefined;
let roots: string[] = [];
let certificates = 0;
const material = () => ({ cert: leaf?.CertPEM ?? "", key: leaf?.PrivateKeyPEM ?? "", ca: roots });

// Who may is asked of a connection at its beginning: each answer has its own.
const inMesh = createServer((_question, answer) => answer.setHeader("connection", "close").end(service));
const mesh = createTlsServer({ requestCert: true, rejectUnauthorized: true }, (socket) => {
  // The chain is good; whether this one may is Consul's to say.
  const peer = socket.getPeerCertificate();
  const { subjectaltname = "" } = peer;
  const ClientCertURI = subjectaltname.replace(/^URI:/, "");
  consul<{ Authorized: boolean }>("POST", "/v1/agent/connect/authorize", {
    Target: service,
    ClientCertURI,
    ClientCertSerial: peer.serialNumber,
  }).then(
    ({ body }) => (body.Authorized ? inMesh.emit("connection", socket) : socket.destroy()),
    () => socket.destroy(),
  );
});

const serial = (): string => `${new X509Certificate(leaf?.CertPEM ?? "").serialNumber} ${certificates}`;

/** As programs have it that know nothing of Consul. */
async function ofFiles(): Promise<string> {
  const folder = `${process.env["NOMAD_SECRETS_DIR"]}/connect`;
  const [cert, key, ca] = await Promise.all(["cert.pem", "key.pem", "roots.pem"].map((name) => readFile(`${folder}/${name}`, "utf8")));
  const certificate = new X509Certificate(cert ?? "");
  assert.ok(certificate.checkPrivateKey(createPrivateKey(key ?? "")), "its key");
  const authorities = (ca ?? "").match(/-----BEGIN.+?END CERTIFICATE-----/gs) ?? [];
  assert.ok(
    authorities.some((each) => certificate.checkIssued(new X509Certificate(each)) || (cert ?? "").split("BEGIN CERT").length > 2),
    "its authority",
  );
  return certificate.serialNumber;
}

async function follow<Body>(path: string, take: (body: Body) => void): Promise<void> {
  let index = "";
  for (;;) {
    const answer = await consul<Body>("GET", `${path}?wait=60s${index === "" ? "" : `&index=${index}`}`).catch((error: unknown) => {
      // Consul may be away, or exchange its authority: what is had goes on serving.
      console.error(String(error));
    });
    if (answer === undefined) await sleep(RETRY_MS);
    if (answer === undefined || answer.index === index) continue;
    ({ index } = answer);
    take(answer.body);
    if (leaf !== undefined && roots.length > 0) mesh.setSecureContext(material());
  }
}

async function call(name: string): Promise<string> {
  interface Found {
    readonly Node: { readonly Address: string };
    readonly Service: { readonly Address: string; readonly Port: number };
  }
  const [found] = (await consul<Found[]>("GET", `/v1/health/connect/${name}?passing=true`)).body;
  if (found === undefined) throw new Error(`nobody offers ${name}`);
  const isIt = (_host: string, { subjectaltname = "" }: PeerCertificate): Error | undefined =>
    subjectaltname.endsWith(`/svc/${name}`) ? undefined : new Error(`it is ${subjectaltname}`);
  const host = found.Service.Address || found.Node.Address;
  const socket = connect({ host, port: found.Service.Port, secureContext: createSecureContext(material()), checkServerIdentity: isIt });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    const question = request({ createConnection: () => socket, path: "/", headers: { host: name, connection: "close" } }, (answer) => {
      text(answer).then(resolve, reject);
    });
    question.on("error", reject);
    question.end();
  });
}

const end = (error: unknown): void => {
  console.error(error);
  process.exit(1);
};
follow<{ Roots: { RootCert: string; IntermediateCerts: string[] | null }[] }>("/v1/agent/connect/ca/roots", ({ Roots }) => {
  roots = Roots.flatMap((each) => [each.RootCert, ...(each.IntermediateCerts ?? [])]);
}).catch(end);
follow<Leaf>(`/v1/agent/connect/ca/leaf/${service}`, (next) => {
  leaf = next;
  certificates++;
  console.log(`certificate ${certificates} of ${service}: ${new X509Certificate(next.CertPEM).subjectAltName}`);
}).catch(end);
mesh.listen(Number(port), address);
createServer((question, answer) => {
  const said =
    question.url === "/called"
      ? call(called)
      : question.url === "/files"
        ? ofFiles()
        : Promise.resolve(question.url === "/serial" ? serial() : "");
  said.then(
    (what) => answer.end(question.url === "/called" ? `${service} <- ${what}` : what || service),
    (error: unknown) => {
      answer.statusCode = 502;
      answer.end(String(error));
    },
  );
}).listen(Number(port) + 1, address);
