variable "greeting" {
  type = string
}

job "greeter" {
  type = "batch"

  group "g" {
    task "say" {
      driver = "raw_exec"

      config {
        command = "/bin/echo"
        args    = [var.greeting]
      }
    }
  }
}
