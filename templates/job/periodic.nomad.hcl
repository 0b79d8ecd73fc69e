# A batch job that is started by the clock. `drover job periodic force backup` starts it at once.
job "backup" {
  type = "batch"

  periodic {
    # Minute, hour, day of the month, month, day of the week; @hourly and @daily are understood too.
    crons     = ["30 2 * * *"]
    time_zone = "Europe/Berlin"

    # While one runs, the next one is left out.
    prohibit_overlap = true
  }

  group "backup" {
    task "backup" {
      driver = "exec"

      config {
        command = "/bin/sh"
        args    = ["-c", "echo backing up"]
      }
    }
  }
}
