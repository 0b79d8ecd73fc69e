/** The jobs of the steps, as the API takes them: what a kind of job can say, each once. They run on any Linux, as root, with `raw_exec`. */

/** Answers every request: the check of the service asks it. */
const SERVER =
  'require("node:http").createServer((_, answer) => answer.end("yes")).listen(process.env.NOMAD_PORT_http, process.env.NOMAD_IP_http)';
const SMALL = { CPU: 20, MemoryMB: 20 };
const SECOND = 1_000_000_000;

const shell = (name: string, script: string, more: object = {}) => ({
  Name: name,
  Driver: "raw_exec",
  Config: { command: "/bin/sh", args: ["-c", script] },
  Resources: SMALL,
  ...more,
});
const FOREVER = "exec sleep 3600";

/** A service with everything around it: ports, checks, canaries, templates, identities, actions, scaling, lifecycles. */
export const web = (generation: string, count = 1) => ({
  ID: "web",
  Name: "web",
  Datacenters: ["*"],
  Meta: { owner: "team" },
  Affinities: [{ LTarget: "${node.datacenter}", RTarget: "dc1", Operand: "=", Weight: 50 }],
  Spreads: [{ Attribute: "${node.datacenter}", Weight: 100, SpreadTarget: [{ Value: "dc1", Percent: 100 }] }],
  Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "linux", Operand: "=" }],
  TaskGroups: [
    {
      Name: "api",
      Count: count,
      Meta: { tier: "front" },
      Networks: [{ DynamicPorts: [{ Label: "http" }] }],
      Update: {
        MaxParallel: 1,
        Canary: 1,
        MinHealthyTime: SECOND / 10,
        HealthyDeadline: 60 * SECOND,
        ProgressDeadline: 120 * SECOND,
        HealthCheck: "task_states",
      },
      EphemeralDisk: { SizeMB: 400, Sticky: true },
      Scaling: { Min: 0, Max: 5, Enabled: true, Policy: { cooldown: "1m" } },
      Services: [
        {
          Name: "web-api",
          Provider: "nomad",
          PortLabel: "http",
          Tags: ["a"],
          Meta: { k: "v" },
          Checks: [{ Name: "alive", Type: "http", Path: "/", Interval: SECOND, Timeout: SECOND }],
        },
      ],
      Tasks: [
        shell("init", "true", { Lifecycle: { Hook: "prestart" } }),
        shell("side", FOREVER, { Lifecycle: { Hook: "poststart", Sidecar: true } }),
        {
          Name: "server",
          Driver: "raw_exec",
          User: "root",
          KillTimeout: SECOND,
          Config: { command: process.execPath, args: ["-e", `console.log("first"); ${SERVER}`] },
          Env: { GENERATION: generation },
          Meta: { task: "yes" },
          Resources: { CPU: 50, MemoryMB: 64, MemoryMaxMB: 128 },
          Templates: [{ EmbeddedTmpl: 'A={{ env "NOMAD_ALLOC_ID" }}', DestPath: "local/a.env", Envvars: true }],
          Identities: [{ Name: "other", Audience: ["them"], TTL: 3600 * SECOND, File: true }],
          Identity: { Env: true, File: true },
          Actions: [{ Name: "hello", Command: "/bin/echo", Args: ["hi"] }],
          LogConfig: { MaxFiles: 2, MaxFileSizeMB: 1 },
        },
      ],
    },
  ],
});

export const once = {
  ID: "once",
  Name: "once",
  Type: "batch",
  Datacenters: ["*"],
  TaskGroups: [{ Name: "main", Tasks: [shell("echo", "echo hello; echo oops >&2")] }],
};
/** Fails, is tried again on another allocation, and gives up. */
export const bad = {
  ID: "bad",
  Name: "bad",
  Type: "batch",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "main",
      RestartPolicy: { Attempts: 0, Interval: 60 * SECOND, Delay: SECOND, Mode: "fail" },
      ReschedulePolicy: { Attempts: 1, Interval: 3600 * SECOND, Delay: 5 * SECOND, DelayFunction: "constant", Unlimited: false },
      Tasks: [shell("fails", "exit 3")],
    },
  ],
};
export const everywhere = {
  ID: "everywhere",
  Name: "everywhere",
  Type: "system",
  Datacenters: ["*"],
  TaskGroups: [{ Name: "main", Networks: [{ ReservedPorts: [{ Label: "fixed", Value: 23456 }] }], Tasks: [shell("sleep", FOREVER)] }],
};
export const sweep = {
  ID: "sweep",
  Name: "sweep",
  Type: "sysbatch",
  Datacenters: ["*"],
  TaskGroups: [{ Name: "main", Tasks: [shell("true", "true")] }],
};
export const cron = {
  ID: "cron",
  Name: "cron",
  Type: "batch",
  Datacenters: ["*"],
  Periodic: { Enabled: true, SpecType: "cron", Specs: ["0 0 1 1 *"], ProhibitOverlap: true, TimeZone: "UTC" },
  TaskGroups: [{ Name: "main", Tasks: [shell("true", "true")] }],
};
export const greeter = {
  ID: "greeter",
  Name: "greeter",
  Type: "batch",
  Datacenters: ["*"],
  ParameterizedJob: { Payload: "optional", MetaRequired: ["who"], MetaOptional: ["why"] },
  TaskGroups: [{ Name: "main", Tasks: [shell("greet", "cat local/in", { DispatchPayload: { File: "in" } })] }],
};
/** Fits nowhere: filtered in one group, too big in the other. */
export const nowhere = {
  ID: "nowhere",
  Name: "nowhere",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "filtered",
      Constraints: [{ LTarget: "${attr.kernel.name}", RTarget: "plan9", Operand: "=" }],
      Tasks: [shell("sleep", FOREVER)],
    },
    { Name: "huge", Tasks: [shell("sleep", FOREVER, { Resources: { CPU: 20, MemoryMB: 2_000_000 } })] },
  ],
};
export const hold = {
  ID: "hold",
  Name: "hold",
  Datacenters: ["*"],
  TaskGroups: [
    {
      Name: "main",
      Update: { MaxParallel: 1, MinHealthyTime: SECOND / 10, HealthyDeadline: 60 * SECOND, ProgressDeadline: 120 * SECOND },
      Tasks: [shell("sleep", FOREVER, { KillTimeout: SECOND })],
    },
  ],
};

export const HCL = `variable "who" {
  default = "them"
}
job "text" {
  type = "batch"
  group "main" {
    network {
      port "http" {}
    }
    task "echo" {
      driver = "raw_exec"
      config {
        command = "/bin/echo"
        args    = [var.who]
      }
      resources {
        cpu    = 20
        memory = 20
      }
    }
  }
}
`;
