variable "answer" {
  default = "first"
}
variable "canary" {
  default = 0
}

job "shop" {
  group "web" {
    count = 2

    update {
      max_parallel      = 1
      min_healthy_time  = "500ms"
      healthy_deadline  = "20s"
      progress_deadline = "40s"
      auto_revert       = true
      canary            = var.canary
    }

    restart {
      attempts = 0
      mode     = "fail"
    }

    reschedule {
      attempts  = 0
      unlimited = false
    }

    scaling {
      min = 1
      max = 5
      policy {
        cooldown = "1m"
      }
    }

    task "server" {
      driver = "raw_exec"
      config {
        command = "sh"
        args    = ["-c", "echo $ANSWER; test $ANSWER != broken || exit 3; trap 'exit 0' INT; while :; do sleep 0.05; done"]
      }
      env {
        ANSWER = var.answer
      }
      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
