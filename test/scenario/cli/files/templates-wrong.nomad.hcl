job "wrong-templates" {
  group "g" {
    task "t" {
      driver = "raw_exec"
      config {
        command = "/bin/true"
      }
      template {
        destination = "local/a"
        data = <<EOT
first
  {{ if }}
EOT
      }
      template {
        destination = "local/b"
        data        = <<-EOT
          é first
            {{ kye "a" }} and $${NOMAD_X}
        EOT
      }
      template {
        destination = "local/c"
        engine = "handlebars"
        data        = <<-EOT
          é first
            {{#each (lss "a")}} x {{/each}}
        EOT
      }
      template {
        destination = "local/d"
        engine = "handlebars"
        data        = "x\n{{#if a}}"
      }
      template {
        destination = "local/e"
        data        = "x\n  {{ executeTemplate \"a\" }}"
      }
      template {
        destination = "local/f"
        data        = <<-EOT
          {{ with key "a" }}
          {{ .b }
          {{ end }}
        EOT
      }
      template {
        destination = "local/g"
        data        = <<-EOT
          {{ with key "a" }}
          no end
        EOT
      }
    }
  }
}
