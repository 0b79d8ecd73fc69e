job "shell" {
  group "main" {
    task "work" {
      driver       = "raw_exec"
      kill_timeout = "1s"

      config {
        command = "/bin/sleep"
        args    = ["600"]
      }

      action "greet" {
        command = "/bin/sh"
        args    = ["-c", "echo hello from $NOMAD_TASK_NAME; exit 3"]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
