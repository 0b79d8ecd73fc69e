# A job: what should run, and how. `drover job run example.nomad.hcl` runs it, `drover job plan` shows first what would change.
job "example" {
  # Where it may run: names of datacenters, "*" for all.
  datacenters = ["*"]

  # "service" runs until it is stopped; "batch" until its work is done.
  type = "service"

  # A group is what lives together on one machine.
  group "web" {
    # How many of it.
    count = 1

    # A port of the machine is picked and given to the task as NOMAD_PORT_http.
    network {
      port "http" {}
    }

    # What happens when a task ends by itself: so many restarts within the interval, then the allocation has failed.
    restart {
      attempts = 2
      interval = "30m"
      delay    = "15s"
      mode     = "fail"
    }

    # A task is one process.
    task "server" {
      # exec: its own mounts, processes and limits (runc). raw_exec: a plain process of the machine.
      driver = "exec"

      config {
        command = "python3"
        args    = ["-m", "http.server", "${NOMAD_PORT_http}", "--directory", "${NOMAD_TASK_DIR}"]
      }

      resources {
        cpu    = 100 # MHz
        memory = 128 # MB
      }
    }
  }
}
