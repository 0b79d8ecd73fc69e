variable "delay" {
  default = "1h"
}

job "crash" {
  type = "batch"

  group "work" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts       = 3
      interval       = "24h"
      delay          = var.delay
      delay_function = "constant"
    }
    task "fall" {
      driver = "raw_exec"
      config {
        command = "sh"
        args    = ["-c", "exit 7"]
      }
      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
