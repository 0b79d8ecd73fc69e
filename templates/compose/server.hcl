# A server of the play neighbourhood (docker-compose.yml).
data_dir  = "/var/lib/drover"
bind_addr = "0.0.0.0"

server {
  enabled          = true
  bootstrap_expect = 3
}

consul {
  address = "consul:8500"
}
