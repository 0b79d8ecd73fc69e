# A service that is updated with care: one canary, then the rest one after the other; a bad version goes back by itself.
job "shop" {
  update {
    max_parallel     = 1
    canary           = 1
    min_healthy_time = "10s"
    healthy_deadline = "3m"

    # false: `drover job promote shop` says yes.
    auto_promote = true

    # To the last version that was stable.
    auto_revert = true
  }

  group "web" {
    count = 3

    network {
      port "http" {}
    }

    # Not two on one machine, if that can be.
    spread {
      attribute = "${node.unique.id}"
    }

    task "server" {
      driver = "exec"

      config {
        command = "python3"
        args    = ["-m", "http.server", "${NOMAD_PORT_http}", "--directory", "${NOMAD_TASK_DIR}"]
      }

      env {
        VERSION = "1"
      }
    }

    # Before the server starts, to its end.
    task "prepare" {
      lifecycle {
        hook = "prestart"
      }

      driver = "exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo prepared > $NOMAD_ALLOC_DIR/data/ready"]
      }
    }
  }
}
