# Lesson 1: one process that answers over HTTP. raw_exec runs it as a plain process of this machine, so nothing needs installing.
job "hello" {
  datacenters = ["dc1"]
  type        = "service"

  group "web" {
    count = 1

    update {
      min_healthy_time = "1s" # so long it must run before it counts as well (10s unless said)
    }

    restart {
      delay = "1s" # when it ends, it is started again after so long (15s unless said)
    }

    network {
      # A port of the machine, picked for us; the task reads it from NOMAD_IP_http and NOMAD_PORT_http.
      port "http" {}
    }

    task "server" {
      driver = "raw_exec"

      config {
        # Any program on the machine will do.
        command = "node"
        args = ["-e", <<-EOT
          const { NOMAD_JOB_NAME: job, NOMAD_ALLOC_ID: id, NOMAD_IP_http: ip, NOMAD_PORT_http: port } = process.env;
          require("node:http")
            .createServer((request, response) => {
              console.log(request.method, request.url);
              response.end("hello world, from job " + job + ", allocation " + id.slice(0, 8) + "\n");
            })
            .listen(Number(port), ip, () => console.log("listening on " + ip + ":" + port));
          process.on("SIGINT", () => process.exit(0));
        EOT
        ]
      }

      resources {
        cpu    = 100 # MHz
        memory = 64  # MB
      }
    }
  }
}
