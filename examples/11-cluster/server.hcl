# Lesson 11: one of three servers. The same file for all of them: each finds itself in the list, and joins the others.
server {
  enabled          = true
  bootstrap_expect = 3

  server_join {
    retry_join = ["127.0.0.1:4648", "127.0.0.2:4648", "127.0.0.3:4648"]
  }
}
