# Lesson 8: tasks of one group that take turns: one before the others, one beside them, one after.
job "story" {
  type = "batch"

  group "tasks" {
    task "prepare" {
      lifecycle {
        hook = "prestart" # the main task waits until it has succeeded
      }
      driver = "raw_exec"
      config {
        command = "sh"
        args    = ["-c", "echo prepared > \"$NOMAD_ALLOC_DIR/data/story\""]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }

    task "watch" {
      lifecycle {
        hook    = "prestart"
        sidecar = true # goes on beside the main task, and ends with it
      }
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

    task "main" {
      driver = "raw_exec"
      config {
        command = "sh"
        args    = ["-c", "cat \"$NOMAD_ALLOC_DIR/data/story\"; echo done >> \"$NOMAD_ALLOC_DIR/data/story\""]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }

    task "tidy" {
      lifecycle {
        hook = "poststop" # when the main task has ended, well or not
      }
      driver = "raw_exec"
      config {
        command = "sh"
        args    = ["-c", "cat \"$NOMAD_ALLOC_DIR/data/story\"; rm \"$NOMAD_ALLOC_DIR/data/story\""]
      }
      resources {
        cpu    = 20
        memory = 16
      }
    }
  }
}
