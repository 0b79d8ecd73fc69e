job "tick" {
  type = "batch"

  periodic {
    crons     = ["0 5 1 1 *"]
    time_zone = "Europe/Berlin"
  }

  group "work" {
    task "tick" {
      driver = "raw_exec"
      config {
        command = "date"
      }
      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
