# Networks of allocations and the mesh, on a node: run the agent as root. `drover check mesh` says what the machine still lacks.
client {
  enabled = true

  # CNI plugins: Debian's package containernetworking-plugins puts them into the second.
  cni_path = "/opt/cni/bin:/usr/lib/cni"

  # The bridge that networks of mode "bridge" are on. Choose a subnet nobody else on this machine uses.
  # bridge_network_subnet = "172.26.64.0/20"

  # Where sidecars' Envoy is, when it is not on the agent's PATH.
  # envoy_path = "/usr/local/bin/envoy"

  # Ports with host_network = "private" are published on these addresses alone.
  # host_network "private" {
  #   interface = "eth1"
  # }
}

# The Consul agent beside it; it needs connect { enabled = true } and ports { grpc = 8502 }. With ACLs, prepare it once: drover setup consul
consul {
  address = "127.0.0.1:8500"
}
