/** Edits of tasks, and of the job as a whole: see edits.ts. */
import type { Edit } from "./edits.ts";

export const TASK_EDITS: readonly Edit[] = [
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
