# Lesson 2: three copies of a server that others find by name. Where they are found is a word: in Consul, or in Drover's own registry.
variable "provider" {
  type        = string
  default     = "consul"
  description = "consul, or nomad: the registry that needs nothing beside Drover"
}

job "web" {
  datacenters = ["dc1"]

  group "web" {
    count = 3

    update {
      max_parallel     = 3
      min_healthy_time = "1s" # so long its check must have passed before a copy counts as well
    }

    restart {
      delay = "1s"
    }

    network {
      port "http" {}
    }

    service {
      name     = "web"
      port     = "http"
      provider = var.provider
      tags     = ["lesson"]

      check {
        name     = "answers"
        type     = "http"
        path     = "/health"
        interval = "1s"
        timeout  = "1s"

        # Three failures in a row, and the task is started again.
        check_restart {
          limit = 3
          grace = "1s"
        }
      }
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "node"
        args = ["-e", <<-EOT
          const { NOMAD_ALLOC_INDEX: index, NOMAD_IP_http: ip, NOMAD_PORT_http: port } = process.env;
          let well = true;
          let requests = 0;
          const says = {
            "/break": () => ((well = false), "from now on I am not well\n"),
            "/metrics": () => "lesson_requests_total " + requests + "\n",
          };
          require("node:http")
            .createServer((request, response) => {
              requests++;
              const text = says[request.url]?.() ?? "copy " + index + " answers\n";
              response.writeHead(request.url === "/health" && !well ? 500 : 200, { "content-type": "text/plain" }).end(text);
            })
            .listen(Number(port), ip);
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
