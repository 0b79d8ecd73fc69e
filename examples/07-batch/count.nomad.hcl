# Lesson 7: work that ends. Dispatched by hand, as often as wanted, each time with words of its own.
job "count" {
  type = "batch"

  parameterized {
    payload       = "required"
    meta_optional = ["name"]
  }

  group "work" {
    task "words" {
      driver = "raw_exec"

      dispatch_payload {
        file = "input.txt"
      }

      config {
        command = "sh"
        args    = ["-c", "echo \"$NOMAD_META_name has $(wc -w < \"$NOMAD_TASK_DIR/input.txt\") words\""]
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
