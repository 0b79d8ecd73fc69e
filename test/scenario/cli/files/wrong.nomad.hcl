job "wrong" {
  datacentres = ["dc1"]

  group "g" {
    task "t" {
      drivr = "raw_exec"
    }
  }
}
