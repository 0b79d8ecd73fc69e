job "story" {
  type = "batch"

  group "tasks" {
    max_run_duration = "1h"

    task "prepare" {
      driver = "raw_exec"
      lifecycle {
        hook = "prestart"
      }
      config {
        command = "true"
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
    task "beside" {
      driver = "raw_exec"
      lifecycle {
        hook    = "prestart"
        sidecar = true
      }
      config {
        command = "sleep"
        args    = ["infinity"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
    task "main" {
      driver = "raw_exec"
      config {
        command = "sleep"
        args    = ["infinity"]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
    task "after" {
      driver = "raw_exec"
      lifecycle {
        hook = "poststop"
      }
      config {
        command = "true"
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
