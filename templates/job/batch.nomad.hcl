# Work that ends: done when the command exits with 0, tried again when it does not.
job "report" {
  type = "batch"

  group "report" {
    # It is stopped, and counts as done, when it takes longer than this.
    max_run_duration = "1h"

    # Restarts on the same machine, then once more somewhere else.
    restart {
      attempts = 3
      delay    = "15s"
    }

    reschedule {
      attempts = 1
      interval = "24h"
    }

    task "report" {
      driver = "exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "date > $NOMAD_ALLOC_DIR/data/report.txt"]
      }
    }
  }
}
