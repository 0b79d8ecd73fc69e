# Tasks with a `vault` block log in to Vault, or OpenBao, with their identities. Prepare it once: drover setup vault
# Every agent's configuration, servers and clients.
vault {
  enabled = true
  address = "https://vault.service.consul:8200"

  # What vouches for it; the machine's own certificates if left out.
  # ca_file = "/etc/drover/vault-ca.pem"

  # What tasks are given that bring no identity of their own.
  default_identity {
    aud = ["vault.io"]
    ttl = "1h"
  }
}
