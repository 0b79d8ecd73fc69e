# Two services that talk over the mesh: encrypted, and only as Consul's intentions allow. Each has a sidecar beside it, an Envoy that is put in
# by itself. Before it: `drover check mesh` says what a machine still lacks.
job "countdash" {
  datacenters = ["*"]

  # The api listens on 127.0.0.1 alone: nobody gets at it but through its sidecar.
  group "api" {
    # A network of its own for each allocation: tasks of the group meet on 127.0.0.1, others do not.
    network {
      mode = "bridge"
    }

    service {
      name = "count-api"
      port = "9001" # where it listens inside

      # Consul cannot look inside; the sidecar lets this path in, and nothing else.
      check {
        type     = "http"
        path     = "/"
        expose   = true
        interval = "10s"
        timeout  = "2s"
      }

      connect {
        sidecar_service {}
      }
    }

    task "server" {
      driver = "exec"

      config {
        command = "python3"
        args    = ["-m", "http.server", "9001", "--bind", "127.0.0.1", "--directory", "${NOMAD_TASK_DIR}"]
      }

      template {
        destination = "local/index.html"
        data        = <<-PAGE
          Hello from allocation {{ env "NOMAD_SHORT_ALLOC_ID" }} of the api.
          PAGE
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }

  # The dashboard is for everybody; it calls the api as if it were on its own machine.
  group "dashboard" {
    network {
      mode = "bridge"

      # A port of the machine leads to 9002 inside.
      port "http" {
        to = 9002
      }
    }

    service {
      name = "count-dashboard"
      port = "http"

      connect {
        sidecar_service {
          proxy {
            # 127.0.0.1:8080 inside is the api, wherever it runs: NOMAD_UPSTREAM_ADDR_count_api.
            upstreams {
              destination_name = "count-api"
              local_bind_port  = 8080
            }
          }
        }
      }
    }

    task "dashboard" {
      driver = "exec"

      config {
        command = "python3"
        args    = ["${NOMAD_TASK_DIR}/dashboard.py"]
      }

      template {
        destination = "local/dashboard.py"
        data        = <<-PROGRAM
          import http.server, os, urllib.request

          class Dashboard(http.server.BaseHTTPRequestHandler):
              def do_GET(self):
                  try:
                      status, text = 200, urllib.request.urlopen("http://" + os.environ["NOMAD_UPSTREAM_ADDR_count_api"], timeout=5).read()
                  except OSError as error:
                      status, text = 502, ("The api does not answer: %s\n" % error).encode()
                  self.send_response(status)
                  self.end_headers()
                  self.wfile.write(text)

          http.server.ThreadingHTTPServer(("", 9002), Dashboard).serve_forever()
          PROGRAM
      }

      resources {
        cpu    = 100
        memory = 128
      }
    }
  }
}
