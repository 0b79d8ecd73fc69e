# A client of the play neighbourhood (docker-compose.yml).
data_dir  = "/var/lib/drover"
bind_addr = "0.0.0.0"

client {
  enabled = true
}

consul {
  address      = "consul:8500"
  grpc_address = "consul:8502"
}
