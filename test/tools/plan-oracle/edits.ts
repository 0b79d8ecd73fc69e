/** Edits of base.nomad.hcl, one a `job plan`: each text is replaced where it stands first. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Edit {
  readonly name: string;
  readonly replaced: readonly (readonly [string, string])[];
}

/** Without indentation and alignment: an edit finds its place whatever the formatter does. */
export const base = readFileSync(join(import.meta.dirname, "base.nomad.hcl"), "utf8")
  .replaceAll(/^\s+/gmu, "")
  .replaceAll(/ +=/gu, " =");

export function edited({ name, replaced }: Edit): string {
  return replaced.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`editing as ${JSON.stringify(name)}: the job has no ${JSON.stringify(from)}`);
    return text.replace(from, () => to);
  }, base);
}

export const EDITS: readonly Edit[] = [
  { name: "none", replaced: [] },
  { name: "count+", replaced: [["count = 2", "count = 4"]] },
  { name: "count-", replaced: [["count = 2", "count = 1"]] },
  { name: "count0", replaced: [["count = 2", "count = 0"]] },
  {
    name: "prio",
    replaced: [
      [
        "datacenters",
        `priority = 70
datacenters`,
      ],
    ],
  },
  { name: "dc", replaced: [[`["dc1"]`, `["dc1", "dc2"]`]] },
  { name: "dconly2", replaced: [[`["dc1"]`, `["dc2"]`]] },
  { name: "alltype", replaced: [[`datacenters = ["dc1"]`, `datacenters = ["*"]`]] },
  { name: "jobmeta", replaced: [[`a = "1"`, `a = "2"`]] },
  {
    name: "jobmetaadd",
    replaced: [
      [
        `a = "1"`,
        `a = "1"
b = "x"`,
      ],
    ],
  },
  {
    name: "groupmeta",
    replaced: [
      [
        "count = 2",
        `count = 2
meta {
k = "v"
}`,
      ],
    ],
  },
  {
    name: "taskmeta",
    replaced: [
      [
        "env {",
        `meta {
k = "v"
}
env {`,
      ],
    ],
  },
  { name: "env", replaced: [[`FOO = "1"`, `FOO = "2"`]] },
  {
    name: "envadd",
    replaced: [
      [
        `FOO = "1"`,
        `FOO = "1"
BAR = "x"`,
      ],
    ],
  },
  { name: "envdel", replaced: [[`FOO = "1"`, ""]] },
  { name: "args", replaced: [[`args = ["1000"]`, `args = ["2000"]`]] },
  { name: "args2", replaced: [[`args = ["1000"]`, `args = ["1000", "2"]`]] },
  { name: "cmd", replaced: [["/bin/sleep", "/usr/bin/sleep"]] },
  { name: "cpu", replaced: [["cpu = 20", "cpu = 50"]] },
  { name: "mem", replaced: [["memory = 32", "memory = 64"]] },
  {
    name: "memmax",
    replaced: [
      [
        "memory = 32",
        `memory = 32
memory_max = 64`,
      ],
    ],
  },
  { name: "cores", replaced: [["cpu = 20", "cores = 1"]] },
  { name: "driver", replaced: [[`driver = "raw_exec"`, `driver = "exec"`]] },
  { name: "tag", replaced: [[`["x", "y"]`, `["x", "z"]`]] },
  { name: "svcname", replaced: [[`name = "web"`, `name = "web2"`]] },
  { name: "checkint", replaced: [[`interval = "10s"`, `interval = "20s"`]] },
  {
    name: "checkadd",
    replaced: [
      [
        "check {",
        `check {
type = "http"
path = "/"
interval = "3s"
timeout = "1s"
}
check {`,
      ],
    ],
  },
  {
    name: "canarytags",
    replaced: [
      [
        `tags = ["x", "y"]`,
        `tags = ["x", "y"]
canary_tags = ["c"]`,
      ],
    ],
  },
  {
    name: "svcmeta",
    replaced: [
      [
        `tags = ["x", "y"]`,
        `tags = ["x", "y"]
meta {
m = "1"
}`,
      ],
    ],
  },
  {
    name: "checkrestart",
    replaced: [
      [
        `timeout = "2s"`,
        `timeout = "2s"
check_restart {
limit = 3
}`,
      ],
    ],
  },
  {
    name: "svcadd",
    replaced: [
      [
        "service {",
        `service {
name = "b"
provider = "nomad"
port = "http"
}
service {`,
      ],
    ],
  },
  {
    name: "port",
    replaced: [
      [
        `port "http" {}`,
        `port "http" {}
port "b" {}`,
      ],
    ],
  },
  {
    name: "portto",
    replaced: [
      [
        `port "http" {}`,
        `port "http" {
to = 80
}`,
      ],
    ],
  },
  {
    name: "portstatic",
    replaced: [
      [
        `port "http" {}`,
        `port "http" {
static = 8077
}`,
      ],
    ],
  },
  {
    name: "netmode",
    replaced: [
      [
        `port "http" {}`,
        `mode = "bridge"
port "http" {}`,
      ],
    ],
  },
  {
    name: "dns",
    replaced: [
      [
        `port "http" {}`,
        `dns {
servers = ["1.1.1.1"]
}
port "http" {}`,
      ],
    ],
  },
  {
    name: "constr",
    replaced: [
      [
        `value = "linux"`,
        `operator = "!="
value = "windows"`,
      ],
    ],
  },
  {
    name: "constradd",
    replaced: [
      [
        "constraint {",
        `constraint {
distinct_hosts = true
}
constraint {`,
      ],
    ],
  },
  {
    name: "affinity",
    replaced: [
      [
        "constraint {",
        `affinity {
attribute = "\${node.class}"
value = "x"
weight = 60
}
constraint {`,
      ],
    ],
  },
  {
    name: "spread",
    replaced: [
      [
        "constraint {",
        `spread {
attribute = "\${node.datacenter}"
weight = 60
target "dc1" {
percent = 70
}
}
constraint {`,
      ],
    ],
  },
  { name: "maxpar", replaced: [["max_parallel = 1", "max_parallel = 2"]] },
  {
    name: "canary",
    replaced: [
      [
        "max_parallel = 1",
        `max_parallel = 1
canary = 1`,
      ],
      [`FOO = "1"`, `FOO = "9"`],
    ],
  },
  {
    name: "autorevert",
    replaced: [
      [
        "max_parallel = 1",
        `max_parallel = 1
auto_revert = true`,
      ],
    ],
  },
  {
    name: "restart",
    replaced: [
      [
        "count = 2",
        `count = 2
restart {
attempts = 5
delay = "3s"
interval = "4m"
mode = "delay"
}`,
      ],
    ],
  },
  {
    name: "resched",
    replaced: [
      [
        "count = 2",
        `count = 2
reschedule {
attempts = 5
delay = "30s"
interval = "4m"
unlimited = false
delay_function = "constant"
}`,
      ],
    ],
  },
  {
    name: "migrate",
    replaced: [
      [
        "count = 2",
        `count = 2
migrate {
max_parallel = 3
}`,
      ],
    ],
  },
  {
    name: "disk",
    replaced: [
      [
        "count = 2",
        `count = 2
ephemeral_disk {
size = 50
sticky = true
}`,
      ],
    ],
  },
  {
    name: "disconnect",
    replaced: [
      [
        "count = 2",
        `count = 2
disconnect {
lost_after = "1h"
replace = false
}`,
      ],
    ],
  },
  {
    name: "shutdowndelay",
    replaced: [
      [
        "count = 2",
        `count = 2
shutdown_delay = "3s"`,
      ],
    ],
  },
  {
    name: "stopafter",
    replaced: [
      [
        "count = 2",
        `count = 2
max_client_disconnect = "1h"`,
      ],
    ],
  },
  {
    name: "scaling",
    replaced: [
      [
        "count = 2",
        `count = 2
scaling {
min = 1
max = 9
policy {
x = 1
}
}`,
      ],
    ],
  },
  {
    name: "consul",
    replaced: [
      [
        "count = 2",
        `count = 2
consul {
namespace = "default"
}`,
      ],
    ],
  },
  { name: "tmpldata", replaced: [[`data = "x"`, `data = "y"`]] },
  {
    name: "tmplmode",
    replaced: [
      [
        `data = "x"`,
        `data = "x"
change_mode = "signal"
change_signal = "SIGHUP"`,
      ],
    ],
  },
  {
    name: "tmplscript",
    replaced: [
      [
        `data = "x"`,
        `data = "x"
change_mode = "script"
change_script {
command = "/bin/true"
}`,
      ],
    ],
  },
  {
    name: "tmpladd",
    replaced: [
      [
        "template {",
        `template {
data = "z"
destination = "local/z"
perms = "600"
}
template {`,
      ],
    ],
  },
  {
    name: "tmplwait",
    replaced: [
      [
        `data = "x"`,
        `data = "x"
wait {
min = "1s"
max = "2s"
}`,
      ],
    ],
  },
  {
    name: "killt",
    replaced: [
      [
        "env {",
        `kill_timeout = "9s"
env {`,
      ],
    ],
  },
  {
    name: "killsig",
    replaced: [
      [
        "env {",
        `kill_signal = "SIGINT"
env {`,
      ],
    ],
  },
  {
    name: "leader",
    replaced: [
      [
        "env {",
        `leader = true
env {`,
      ],
    ],
  },
  {
    name: "user",
    replaced: [
      [
        "env {",
        `user = "nobody"
env {`,
      ],
    ],
  },
  {
    name: "tsd",
    replaced: [
      [
        "env {",
        `shutdown_delay = "9s"
env {`,
      ],
    ],
  },
  {
    name: "logs",
    replaced: [
      [
        "env {",
        `logs {
max_files = 3
max_file_size = 2
}
env {`,
      ],
    ],
  },
  {
    name: "logsoff",
    replaced: [
      [
        "env {",
        `logs {
disabled = true
}
env {`,
      ],
    ],
  },
  {
    name: "artifact",
    replaced: [
      [
        "env {",
        `artifact {
source = "http://x/y"
mode = "file"
options {
checksum = "md5:00000000000000000000000000000000"
}
}
env {`,
      ],
    ],
  },
  {
    name: "ident",
    replaced: [
      [
        "env {",
        `identity {
env = true
file = true
}
env {`,
      ],
    ],
  },
  {
    name: "ident2",
    replaced: [
      [
        "env {",
        `identity {
name = "x"
aud = ["y"]
ttl = "1h"
}
env {`,
      ],
    ],
  },
  {
    name: "vault",
    replaced: [
      [
        "env {",
        `vault {
role = "x"
}
env {`,
      ],
    ],
  },
  {
    name: "action",
    replaced: [
      [
        "env {",
        `action "a" {
command = "/bin/true"
args = ["1"]
}
env {`,
      ],
    ],
  },
  {
    name: "sched",
    replaced: [
      [
        "env {",
        `schedule {
cron {
start = "0 0 * * *"
end = "0 1"
timezone = "UTC"
}
}
env {`,
      ],
    ],
  },
  {
    name: "dispatchp",
    replaced: [
      [
        "env {",
        `dispatch_payload {
file = "x"
}
env {`,
      ],
    ],
  },
  { name: "lifecycle", replaced: [["sidecar = true", "sidecar = false"]] },
  { name: "lifecycle2", replaced: [["poststart", "prestart"]] },
  {
    name: "device",
    replaced: [
      [
        "cpu = 20",
        `cpu = 20
device "nvidia/gpu" {
count = 1
constraint {
attribute = "\${device.attr.x}"
value = "1"
}
}`,
      ],
    ],
  },
  {
    name: "numa",
    replaced: [
      [
        "cpu = 20",
        `cpu = 20
numa {
affinity = "prefer"
}`,
      ],
    ],
  },
  {
    name: "volume",
    replaced: [
      [
        "count = 2",
        `count = 2
volume "v" {
type = "host"
source = "s"
read_only = true
}`,
      ],
    ],
  },
  {
    name: "connect",
    replaced: [
      [
        `tags = ["x", "y"]`,
        `tags = ["x", "y"]
provider = "consul"
connect {
sidecar_service {}
}`,
      ],
      [`provider = "nomad"`, ""],
    ],
  },
  {
    name: "taskadd",
    replaced: [
      [
        `task "side"`,
        `task "nt" {
driver = "raw_exec"
config {
command = "/bin/true"
}
resources {
cpu = 20
memory = 20
}
}
task "side"`,
      ],
    ],
  },
  {
    name: "taskdel",
    replaced: [
      [
        `task "side" {
driver = "raw_exec"
lifecycle {
hook = "poststart"
sidecar = true
}
config {
command = "/bin/sleep"
args = ["1000"]
}
resources {
cpu = 20
memory = 32
}
}`,
        "",
      ],
    ],
  },
  {
    name: "groupdel",
    replaced: [
      [
        `group "other" {
task "o" {
driver = "raw_exec"
config {
command = "/bin/sleep"
args = ["1000"]
}
resources {
cpu = 20
memory = 32
}
}
}`,
        "",
      ],
    ],
  },
  {
    name: "groupadd",
    replaced: [
      [
        `group "other"`,
        `group "nu" {
task "z" {
driver = "raw_exec"
config {
command = "/bin/true"
}
resources {
cpu = 20
memory = 20
}
}
}
group "other"`,
      ],
    ],
  },
  {
    name: "type",
    replaced: [
      [
        "datacenters",
        `type = "batch"
datacenters`,
      ],
      [
        `update {
max_parallel = 1
min_healthy_time = "1s"
health_check = "task_states"
}`,
        "",
      ],
    ],
  },
  {
    name: "ui",
    replaced: [
      [
        "datacenters",
        `ui {
description = "d"
link {
label = "l"
url = "http://x"
}
}
datacenters`,
      ],
    ],
  },
  {
    name: "multiregion",
    replaced: [
      [
        "datacenters",
        `multiregion {
region "global" {}
}
datacenters`,
      ],
    ],
  },
  {
    name: "nodepool",
    replaced: [
      [
        "datacenters",
        `node_pool = "all"
datacenters`,
      ],
    ],
  },
  {
    name: "nodepool2",
    replaced: [
      [
        "datacenters",
        `node_pool = "nopool"
datacenters`,
      ],
    ],
  },
  { name: "big", replaced: [["memory = 32", "memory = 99999999"]] },
];
