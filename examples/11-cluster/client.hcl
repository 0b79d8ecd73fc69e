# Lesson 11: a node. One server that answers is enough: it says who the others are.
client {
  enabled = true
  servers = ["127.0.0.1:4647", "127.0.0.2:4647", "127.0.0.3:4647"]
}

plugin "raw_exec" {
  config {
    enabled = true
  }
}
