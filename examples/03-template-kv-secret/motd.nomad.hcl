# Lesson 3: files made of what stands elsewhere: a key in Consul, a secret in Vault.
job "motd" {
  datacenters = ["dc1"]

  group "motd" {
    task "reader" {
      driver = "raw_exec"

      consul {} # the task reads keys with a token of its own
      vault {}  # and secrets with another

      # One file of both, in Go's language, as in Nomad.
      template {
        destination = "local/go.txt"
        change_mode = "noop" # the two at the end say what happens
        data        = <<-EOT
          {{ key "lessons/motd" }}
          {{ with secret "secret/default/motd" -}}
          The password has {{ len .Data.data.password }} characters.
          {{- end }}
        EOT
      }

      # The same file in Handlebars, with the same functions.
      template {
        engine      = "handlebars"
        destination = "local/handlebars.txt"
        change_mode = "noop"
        data        = <<-EOT
          {{key "lessons/motd"}}
          {{#with (secret "secret/default/motd")}}
          The password has {{len Data.data.password}} characters.
          {{/with}}
        EOT
      }

      # Another key: the program is told.
      template {
        destination   = "local/motd.txt"
        change_mode   = "signal"
        change_signal = "SIGHUP"
        splay         = "0s" # with many copies: over how long they are told, so that not all do it at once
        data          = "{{ key \"lessons/motd\" }}\n"
      }

      # Another secret: a process keeps the environment it began with, so there has to be another one (change_mode = "restart", if nothing is said).
      template {
        destination = "secrets/login.env"
        env         = true
        splay       = "0s"
        data        = "PASSWORD={{ with secret \"secret/default/motd\" }}{{ .Data.data.password | toJSON }}{{ end }}\n"
      }

      config {
        command = "/bin/sh"
        args = ["-c", <<-EOT
          cd "$NOMAD_TASK_DIR"
          show() {
            echo "$1, with a password of $${#PASSWORD} characters:"
            cat go.txt
            cmp go.txt handlebars.txt && echo "Both engines wrote the same."
          }
          trap 'show "Told of a change"' HUP
          show "Started"
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
