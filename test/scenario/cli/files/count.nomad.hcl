job "count" {
  type = "batch"

  parameterized {
    payload       = "required"
    meta_required = ["name"]
    meta_optional = ["exit"]
  }

  group "work" {
    restart {
      attempts = 0
      mode     = "fail"
    }
    reschedule {
      attempts = 0
    }
    task "words" {
      driver = "raw_exec"
      dispatch_payload {
        file = "input.txt"
      }
      config {
        command = "sh"
        args    = ["-c", "echo $NOMAD_META_name has $(wc -w < $NOMAD_TASK_DIR/input.txt) words; exit $NOMAD_META_exit"]
      }
      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
