# Lesson 3: a file made of what stands elsewhere: a key in Consul, a secret in Vault. Written twice, once for each engine.
job "motd" {
  datacenters = ["dc1"]

  group "motd" {
    task "reader" {
      driver = "raw_exec"

      consul {} # the task reads keys with a token of its own
      vault {}  # and secrets with another

      # Go's templates, as in Nomad.
      template {
        destination   = "local/go.txt"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        splay         = "0s" # with many copies: so that they do not all do it at once
        data          = <<-EOT
          go: {{ key "lessons/motd" }}
          {{ with secret "secret/data/default/motd" -}}
          go: the password has {{ len .Data.data.password }} characters
          {{- end }}
        EOT
      }

      # Handlebars, with the same functions.
      template {
        engine        = "handlebars"
        destination   = "local/handlebars.txt"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        splay         = "0s"
        data          = <<-EOT
          handlebars: {{key "lessons/motd"}}
          {{#with (secret "secret/data/default/motd")}}
          handlebars: the password has {{len Data.data.password}} characters
          {{/with}}
        EOT
      }

      config {
        command = "/bin/sh"
        args = ["-c", <<-EOT
          show() { echo "reads:"; cat "$NOMAD_TASK_DIR/go.txt" "$NOMAD_TASK_DIR/handlebars.txt"; }
          trap show HUP
          show
          while :; do sleep 1 & wait $!; done
        EOT
        ]
      }

      resources {
        cpu    = 50 # MHz
        memory = 32 # MB
      }
    }
  }
}
