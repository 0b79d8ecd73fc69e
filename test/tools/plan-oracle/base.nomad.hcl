job "plan" {
  datacenters = ["dc1"]
  meta {
    a = "1"
  }
  update {
    max_parallel     = 1
    min_healthy_time = "1s"
    health_check     = "task_states"
  }
  group "web" {
    count = 2
    network {
      port "http" {}
    }
    service {
      name     = "web"
      port     = "http"
      provider = "nomad"
      tags     = ["x", "y"]
      check {
        type     = "tcp"
        interval = "10s"
        timeout  = "2s"
      }
    }
    constraint {
      attribute = "${attr.kernel.name}"
      value     = "linux"
    }
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["1000"]
      }
      env {
        FOO = "1"
      }
      template {
        data        = "x"
        destination = "local/x"
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
    task "side" {
      driver = "raw_exec"
      lifecycle {
        hook    = "poststart"
        sidecar = true
      }
      config {
        command = "/bin/sleep"
        args    = ["1000"]
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }
  group "other" {
    task "o" {
      driver = "raw_exec"
      config {
        command = "/bin/sleep"
        args    = ["1000"]
      }
      resources {
        cpu    = 20
        memory = 32
      }
    }
  }
}
