job "untidy" {
datacenters=["*"] # anywhere
  group "g" {
      count=1//one
    task "t" {
      driver = "raw_exec"
      config {
        command="/bin/sleep"
        args = ["${NOMAD_META_seconds}"]
      }
      meta { seconds = 3600 }
    }
  }
}
