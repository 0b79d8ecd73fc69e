# Lesson 7: work that comes again by the clock.
job "tick" {
  type = "batch"

  periodic {
    crons            = ["*/5 * * * *"]
    time_zone        = "Europe/Berlin"
    prohibit_overlap = true
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
