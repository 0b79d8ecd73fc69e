# A PostgreSQL, whose administrator's password comes out of Vault and lies nowhere else.
variable "port" {
  type    = number
  default = 5432
}

variable "programs" {
  type        = string
  default     = "/usr/lib/postgresql/15/bin"
  description = "Where Debian puts PostgreSQL 15."
}

job "database" {
  group "postgres" {
    update {
      min_healthy_time = "2s"
    }

    network {
      port "sql" {
        static = var.port
      }
    }

    # The job counts as running when it takes connections.
    service {
      name     = "postgres"
      provider = "nomad"
      port     = "sql"

      check {
        type     = "tcp"
        interval = "1s"
        timeout  = "1s"
      }
    }

    task "postgres" {
      driver = "exec"
      user   = "postgres" # it refuses to run as root

      vault {}

      template {
        destination = "${NOMAD_SECRETS_DIR}/password"
        data        = "{{ with secret \"secret/default/database/admin\" }}{{ .Data.data.password }}{{ end }}"
      }

      config {
        command = "/bin/sh"
        args = ["-ec", <<-EOT
          data=$NOMAD_ALLOC_DIR/data/postgres
          test -f "$data/PG_VERSION" || ${var.programs}/initdb -D "$data" -U admin -A scram-sha-256 --pwfile="$NOMAD_SECRETS_DIR/password" -N
          exec ${var.programs}/postgres -D "$data" -p "$NOMAD_PORT_sql" -c listen_addresses=127.0.0.1 -c unix_socket_directories=
        EOT
        ]
      }

      resources {
        memory = 256
      }
    }
  }
}
