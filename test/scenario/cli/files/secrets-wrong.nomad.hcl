job "wrong-secrets" {
  vault {
    role = "app"
  }

  group "g" {
    secret "a" {
      provider = "vaul"
      path     = "x"
    }

    task "t" {
      driver = "raw_exec"

      config {
        command = "/bin/true"
      }

      secret "b c" {
        provider = "nomad"
        path     = ""
      }

      secret "d" {
        provider = "vault"
        path     = "secret/"

        config {
          engine = "kv_v2"
        }
      }
    }
  }
}
