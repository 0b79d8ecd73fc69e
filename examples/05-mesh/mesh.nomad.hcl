# Lesson 5: a dashboard asks an api over the mesh: encrypted, each known by name, and only as Consul's intentions allow.
job "mesh" {
  datacenters = ["dc1"]

  update {
    min_healthy_time = "1s" # so long all must be well before a copy counts as well
  }

  group "api" {
    # A network of its own for each allocation: tasks of the group meet on 127.0.0.1, everybody else stays outside.
    network {
      mode = "bridge"
    }

    service {
      name = "api"
      port = "9001" # where it listens, inside

      # Consul cannot look inside. The sidecar lets this one path in without the mesh, and nothing else.
      check {
        type     = "http"
        path     = "/health"
        expose   = true
        interval = "2s"
        timeout  = "1s"
      }

      connect {
        sidecar_service {} # an Envoy beside the task, put in by itself
      }
    }

    task "api" {
      driver = "raw_exec"

      config {
        command = "node"
        # It listens on 127.0.0.1 alone, in the clear: nobody gets there but through its sidecar.
        args = ["-e", <<-EOT
          require("node:http")
            .createServer((request, response) => {
              response.end(request.url === "/health" ? "well\n" : "the api's answer, from allocation " + process.env.NOMAD_SHORT_ALLOC_ID + "\n");
            })
            .listen(9001, "127.0.0.1", () => console.log("listening"));
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

  group "dashboard" {
    network {
      mode = "bridge"

      # For people: a port of the machine that leads to 9002 inside.
      port "http" {
        to = 9002
      }
    }

    service {
      name = "dashboard"
      port = "9002"

      connect {
        sidecar_service {
          proxy {
            # Who connects to 127.0.0.1:8080 in here is led to an api, wherever one is.
            upstreams {
              destination_name = "api"
              local_bind_port  = 8080
            }
          }
        }
      }
    }

    task "dashboard" {
      driver = "raw_exec"

      config {
        command = "node"
        args = ["-e", <<-EOT
          const api = "http://" + process.env.NOMAD_UPSTREAM_ADDR_api;
          require("node:http")
            .createServer(async (request, response) => {
              const asked = fetch(api, { headers: { connection: "close" }, signal: AbortSignal.timeout(3000) });
              const text = await asked.then((answer) => answer.text()).catch((error) => void (response.statusCode = 502, console.log(String(error.cause ?? error))));
              response.end("The dashboard has " + (text ?? "no answer\n"));
            })
            .listen(9002, () => console.log("listening, and asks " + api));
          process.on("SIGINT", () => process.exit(0));
        EOT
        ]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
