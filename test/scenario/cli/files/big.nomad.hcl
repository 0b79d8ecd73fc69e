job "big" {
  datacenters = ["dc1", "nowhere"]
  type        = "batch"

  group "crunch" {
    count = 3

    constraint {
      attribute = "${attr.kernel.name}"
      value     = "linux"
    }

    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }

      resources {
        memory = 99999
      }
    }
  }
}
