/** Edits of the job, its groups and their services: see edits.ts. */
import type { Edit } from "./edits.ts";

export const GROUP_EDITS: readonly Edit[] = [
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
];
