# A batch job that is started by someone, with what to do: `drover job dispatch -meta format=png convert input.svg`.
job "convert" {
  type = "batch"

  parameterized {
    # The file given to dispatch.
    payload       = "required"
    meta_required = ["format"]
    meta_optional = ["size"]
  }

  group "convert" {
    task "convert" {
      driver = "exec"

      # Where the payload is put, below local/.
      dispatch_payload {
        file = "input"
      }

      # Meta comes as NOMAD_META_<key>.
      config {
        command = "/bin/sh"
        args    = ["-c", "echo converting $(wc -c < local/input) bytes to $NOMAD_META_format"]
      }
    }
  }
}
