job "served" {
  datacenters = ["*"]

  group "front" {
    count = 2

    network {
      port "http" {}
    }

    update {
      min_healthy_time = "0s"
    }

    service {
      name     = "front"
      port     = "http"
      provider = "nomad"
      tags     = ["blue", "of ${NOMAD_JOB_NAME}"]
    }

    task "main" {
      driver = "raw_exec"

      config {
        command = "sleep"
        args    = ["3600"]
      }

      service {
        name     = "main"
        port     = "http"
        provider = "nomad"
      }

      resources {
        cpu    = 50
        memory = 32
      }
    }
  }
}
