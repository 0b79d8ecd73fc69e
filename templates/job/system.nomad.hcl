# One on every node that fits, also on nodes that come later: collectors, caches, agents.
job "collector" {
  type = "system"

  # Only where this holds.
  constraint {
    attribute = "${attr.kernel.name}"
    value     = "linux"
  }

  # A new version first runs on a quarter of the nodes, and waits to be promoted.
  update {
    canary       = 25
    max_parallel = 2
  }

  group "collector" {
    task "collector" {
      driver = "exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "while true; do cat /proc/loadavg; sleep 10; done"]
      }

      resources {
        cpu    = 50 # MHz
        memory = 32 # MB
      }
    }
  }
}
