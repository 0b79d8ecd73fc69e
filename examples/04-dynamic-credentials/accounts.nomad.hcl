# An application that asks the database something every second, with a login that was made for it alone.
variable "port" {
  type    = number
  default = 5432
}

variable "programs" {
  type    = string
  default = "/usr/lib/postgresql/15/bin"
}

variable "pause" {
  type        = string
  default     = "1"
  description = "Between two questions, in seconds."
}

job "accounts" {
  group "accounts" {
    task "accounts" {
      driver = "exec"

      vault {
        role = "accounts"
      }

      # The login is read once and its lease renewed for as long as the database allows; then there is another, in time.
      template {
        destination = "${NOMAD_SECRETS_DIR}/login"
        change_mode = "noop" # it is read before every question
        data        = <<-EOT
          {{ with secret "database/creds/accounts" -}}
          PGUSER={{ .Data.username }}
          PGPASSWORD={{ .Data.password }}
          {{ end -}}
        EOT
      }

      config {
        command = "/bin/sh"
        args = ["-c", <<-EOT
          set -a
          while :; do
            . "$NOMAD_SECRETS_DIR/login"
            ${var.programs}/psql -X -h 127.0.0.1 -p ${var.port} -d postgres -At -c "SELECT 'served as ' || current_user" || echo refused
            sleep ${var.pause}
          done
        EOT
        ]
      }
    }
  }
}
