# A container and a plain program in one group: they share its network, and its sidecar.
variable "image" {
  type        = string
  default     = "busybox:1.37"
  description = "Any image with sh, nc and httpd."
}

job "mixed" {
  datacenters = ["dc1"]

  update {
    min_healthy_time = "1s"
  }

  group "mixed" {
    network {
      mode = "bridge"
    }

    # As the dashboard of mesh.nomad.hcl is: the same name, so the same intention lets it call the api.
    service {
      name = "dashboard"
      port = "9002"

      connect {
        sidecar_service {
          proxy {
            upstreams {
              destination_name = "api"
              local_bind_port  = 8080
            }
          }
        }
      }
    }

    # Serves what the api told it.
    task "container" {
      driver = "docker"

      config {
        image   = var.image
        command = "sh"
        args = ["-c", <<-EOT
          ask() { printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 2 "$1" "$2" | tail -n 1; }
          until said=$(ask "$NOMAD_UPSTREAM_IP_api" "$NOMAD_UPSTREAM_PORT_api" | grep answer); do sleep 0.2; done
          echo "the container has $said"
          echo "$said" >/local/index.html
          exec httpd -f -p 127.0.0.1:9002 -h /local
        EOT
        ]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }

    # Asks the api, and the container at 127.0.0.1. In a folder tree of its own (exec), with what every Linux has.
    task "program" {
      driver = "exec"

      config {
        command = "bash"
        args = ["-c", <<-EOT
          ask() { (exec 3<>"/dev/tcp/$1/$2" && printf 'GET / HTTP/1.0\r\n\r\n' >&3 && tail -n 1 <&3) 2>/dev/null; }
          until said=$(ask "$NOMAD_UPSTREAM_IP_api" "$NOMAD_UPSTREAM_PORT_api" | grep answer); do sleep 0.2; done
          echo "the program has $said (from the api)"
          until said=$(ask 127.0.0.1 9002 | grep answer); do sleep 0.2; done
          echo "the program has $said (from the container)"
          exec sleep infinity
        EOT
        ]
      }

      resources {
        cpu    = 100
        memory = 64
      }
    }
  }
}
