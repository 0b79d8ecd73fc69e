job "web" {
  datacenters = ["dc1"]

  group "page" {
    count = 2

    network {
      port "http" {}
    }

    update {
      min_healthy_time = "100ms"
    }

    task "server" {
      driver = "raw_exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "for n in 1 2 3; do echo line $n; done; echo trouble >&2; echo kept > $NOMAD_TASK_DIR/note.txt; exec sleep 600"]
      }

      kill_timeout = "2s"

      env {
        COLOUR = "blue"
      }

      resources {
        cpu    = 100
        memory = 96
      }
    }
  }
}
