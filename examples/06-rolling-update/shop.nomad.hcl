# Lesson 6: a service that is updated while it serves. One process at a time is replaced, and the next waits until the last is well.
variable "answer" {
  type    = string
  default = "first"
}

job "shop" {
  group "web" {
    count = 3

    network {
      port "http" {}
    }

    update {
      max_parallel      = 1    # so many are replaced at one time
      min_healthy_time  = "1s" # so long a new one must run before it counts (10s unless said)
      healthy_deadline  = "20s"
      progress_deadline = "1m"
      auto_revert       = true # a version that does not get well is taken back
    }

    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "node"
        args = ["-e", <<-EOT
          if ("${var.answer}" === "broken") process.exit(1);
          require("node:http")
            .createServer((request, response) => response.end("${var.answer}\n"))
            .listen(Number(process.env.NOMAD_PORT_http), process.env.NOMAD_IP_http);
          process.on("SIGINT", () => process.exit(0));
        EOT
        ]
      }

      resources {
        cpu    = 50
        memory = 64
      }
    }
  }
}
