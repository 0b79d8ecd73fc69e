/** The job of planted-secrets.test.ts: every way a secret may take into a task, with both drivers that run programs; and tasks that fail over one. */
import type { Marks } from "./marks.ts";

export const PLANTED_VARIABLES = { one: "variable item 1", two: "variable item 2", three: "variable item 3" } as const;

/** Reads everything there is to read; a comment in it is the task's own business. */
const EVERYTHING = `
{{ key "planted/key" }}
{{ with secret "secret/data/planted/two" }}{{ .Data.data.password }}{{ end }}
{{ with secret "kv1/planted" }}{{ .Data.password }}{{ end }}
{{ with secret "database/creds/planted" }}LOGIN={{ .Data.password }}{{ end }}
{{ with pkiCert "pki/issue/planted" "common_name=a.planted.example" }}{{ .Key }}{{ end }}
{{ with nomadVar "nomad/jobs/planted" }}{{ .one }} {{ .two }} {{ .three }}{{ end }}
from the job: \${var.from_file} \${var.from_environment}`;

const LOOP = "trap 'echo heard' HUP; while :; do sleep 1 & wait $!; done";

function task(driver: "raw_exec" | "exec"): string {
  return `
    task "${driver}" {
      driver = "${driver}"
      consul {}
      vault {
        role = "planted"
      }
      identity {
        env  = true
        file = true
      }
      identity {
        name = "other"
        aud  = ["other.example"]
        env  = true
        file = true
      }
      secret "kept" {
        provider = "vault"
        path     = "secret/planted/block"
        config {
          engine = "kv_v2"
        }
      }
      secret "items" {
        provider = "nomad"
        path     = "nomad/jobs/planted/g"
      }
      env {
        FROM_FILE = var.from_file
        KEPT      = "\${secret.kept.password}"
        ITEM      = "\${secret.items.password}"
      }
      config {
        command = "/bin/sh"
        args    = ["-c", ${JSON.stringify(LOOP)}, "sh", var.from_environment, "and \${var.from_flag}"]
      }
      template {
        destination   = "secrets/everything"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        splay         = "0s"
        data          = <<-EOT${EVERYTHING}
        EOT
      }
      template {
        destination = "local/rendered"
        change_mode = "script"
        splay       = "0s"
        change_script {
          command = "/bin/sh"
          args    = ["-c", "echo $FROM_FILE"]
        }
        data = "{{ key \\"planted/scripted\\" }}"
      }
      template {
        engine      = "handlebars"
        destination = "secrets/login.env"
        env         = true
        change_mode = "restart"
        splay       = "0s"
        data        = "LOGIN={{#with (secret \\"secret/data/planted/login\\")}}{{Data.data.password}}{{/with}}\\n"
      }
      resources {
        cpu    = 50
        memory = 64
      }
    }`;
}

const OF_TWO = (text: string): string => `{{ with secret "secret/data/planted/two" }}${text}{{ end }}`;

/** Each fails over a value, or may not read one. */
const FAILING_TEMPLATES = {
  json: OF_TWO("{{ .Data.data.password | parseJSON }}"),
  bars: '{{#with (secret "secret/data/planted/two")}}{{parseInt Data.data.password}}{{/with}}',
  index: OF_TWO("{{ index .Data.data .Data.data.password 1 }}"),
  says: OF_TWO("{{ sprig_fail .Data.data.password }}"),
  lines: OF_TWO("{{ .Data.data.password }}"),
  named: OF_TWO("{{ .Data.data.password }} and=1"),
  denied: '{{ with secret "secret/data/elsewhere" }}{{ .Data.data.password }}{{ end }}',
  written: OF_TWO('{{ with secret "pki/issue/nobody" (printf "common_name=%s" .Data.data.password) }}{{ end }}'),
  foreign: '{{ with nomadVar "nomad/jobs/foreign" }}{{ .password }}{{ end }}',
} as const;

/** Words of a driver's configuration that are secrets, and wrong. */
const FAILING_CONFIGS = {
  raw: { driver: "raw_exec", config: "command = var.from_flag" },
  boxed: { driver: "exec", config: "command = var.from_flag" },
  block: { driver: "exec", config: 'command = "/${secret.kept.password}"' },
  mode: { driver: "exec", config: 'command = "/bin/true"\n        pid_mode = var.from_flag' },
  folder: { driver: "raw_exec", config: 'command = "/bin/true"\n        work_dir = "/${secret.kept.password}"' },
} as const;

export const FAILING_COUNT = Object.keys(FAILING_TEMPLATES).length + Object.keys(FAILING_CONFIGS).length;

function failingTemplate([name, text]: readonly [string, string]): string {
  return failing(
    name,
    `driver = "raw_exec"
      config {
        command = "/bin/true"
      }
      template {
        destination = "local/out"
        ${name === "bars" ? 'engine = "handlebars"' : ""}
        ${name === "lines" || name === "named" ? "env = true" : ""}
        data        = ${JSON.stringify(text)}
      }`,
  );
}

function failingConfig([name, { driver, config }]: readonly [string, { readonly driver: string; readonly config: string }]): string {
  return failing(
    name,
    `driver = "${driver}"
      secret "kept" {
        provider = "vault"
        path     = "secret/planted/block"
      }
      config {
        ${config}
      }`,
  );
}

function failing(name: string, body: string): string {
  return `
  group "${name}" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts  = 0
      unlimited = false
    }
    task "${name}" {
      ${body}
      vault {
        role = "planted"
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }`;
}

export function plantedJob(note: string): string {
  return `
variable "from_file" {
  type      = string
  sensitive = true
}
variable "from_environment" {
  type      = string
  sensitive = true
}
variable "from_flag" {
  type      = string
  sensitive = true
}
job "planted" {
  meta {
    note = "${note}"
  }
  update {
    min_healthy_time = "0s"
    healthy_deadline = "60s"
    progress_deadline = "0s"
  }
  group "g" {
    restart {
      attempts = 50
      interval = "1h"
      delay    = "100ms"
      mode     = "delay"
    }${task("raw_exec")}${task("exec")}
  }
}`;
}

export function failingJob(): string {
  return `
variable "from_flag" {
  type      = string
  sensitive = true
}
job "planted-failing" {
  type = "batch"${Object.entries(FAILING_TEMPLATES).map(failingTemplate).join("")}${Object.entries(FAILING_CONFIGS).map(failingConfig).join("")}
}`;
}

/** What an operator plants before any of them runs. */
export interface Systems {
  readonly bao: (path: string, body: unknown) => Promise<unknown>;
  readonly consul: (path: string, body: string) => Promise<unknown>;
  readonly variable: (path: string, items: Readonly<Record<string, string>>) => Promise<unknown>;
  readonly database: { readonly port: number; readonly user: string; readonly password: string };
}

export async function plantEverywhere(marks: Marks, { bao, consul, variable, database }: Systems): Promise<void> {
  await Promise.all([
    consul("planted/key", marks.plant("consul key")),
    consul("planted/scripted", marks.plant("consul key of a script's template")),
    bao("secret/data/planted/two", { data: { password: marks.plant("vault kv v2") } }),
    bao("secret/data/planted/login", { data: { password: marks.plant("env file") } }),
    bao("secret/data/planted/block", { data: { password: marks.plant("secret block of vault") } }),
    bao("secret/data/elsewhere", { data: { password: marks.plant("denied vault secret") } }),
    bao("sys/mounts/kv1", { type: "kv", options: { version: "1" } }).then(() =>
      bao("kv1/planted", { password: marks.plant("vault kv v1") }),
    ),
    variable("nomad/jobs/planted", Object.fromEntries(Object.entries(PLANTED_VARIABLES).map(([key, name]) => [key, marks.plant(name)]))),
    variable("nomad/jobs/planted/g", { password: marks.plant("secret block of a variable") }),
    variable("nomad/jobs/foreign", { password: marks.plant("denied variable") }),
    bao("sys/mounts/pki", { type: "pki" })
      .then(() => bao("pki/root/generate/internal", { common_name: "planted.example", ttl: "24h" }))
      .then(() => bao("pki/roles/planted", { allowed_domains: ["planted.example"], allow_subdomains: true, max_ttl: "12h" })),
    bao("sys/mounts/database", { type: "database" })
      .then(() =>
        bao("database/config/planted", {
          plugin_name: "postgresql-database-plugin",
          allowed_roles: "planted",
          username: database.user,
          password: database.password,
          connection_url: `postgresql://{{username}}:{{password}}@127.0.0.1:${database.port}/postgres?sslmode=disable`,
        }),
      )
      .then(() =>
        bao("database/roles/planted", {
          db_name: "planted",
          default_ttl: "10m",
          max_ttl: "20m",
          creation_statements: [`CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'`],
        }),
      ),
    bao("sys/policies/acl/planted", {
      policy: ["secret/data/planted/*", "kv1/planted", "database/creds/planted"]
        .map((path) => `path "${path}" { capabilities = ["read"] }`)
        .concat('path "pki/issue/planted" { capabilities = ["update"] }')
        .join("\n"),
    }),
    bao("auth/jwt-nomad/role/planted", {
      role_type: "jwt",
      bound_audiences: ["vault.io"],
      user_claim: "/sub",
      user_claim_json_pointer: true,
      token_type: "service",
      token_period: "30m",
      token_policies: ["planted"],
    }),
  ]);
}
