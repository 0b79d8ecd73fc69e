#!/bin/sh
# What an operator does once: a password for the database, and a role in Vault whose logins live for a short time.
#
#   prepare.sh password            before database.nomad.hcl: makes the administrator's password, which nobody sees
#   prepare.sh logins              after it: Vault may make logins, and tasks with the role "accounts" may ask for one
#
# Needs VAULT_ADDR and VAULT_TOKEN (an operator's). LEASE and LEASE_MAX: how long a login lives, and how long at most (20s and 60s).
# NOMAD_VAR_port: the database's, for the jobs and for this (5432).
set -eu

export BAO_ADDR="$VAULT_ADDR" BAO_TOKEN="$VAULT_TOKEN"
lease=${LEASE:-20s}
lease_max=${LEASE_MAX:-60s}

case "${1:-}" in
password)
  # By a pipe: what stands among a program's arguments, everybody on this machine may read.
  od -An -N18 -tx1 /dev/urandom | tr -d ' \n' | bao kv put secret/default/database/admin password=- >/dev/null
  echo "The administrator's password is in secret/default/database/admin."
  ;;
logins)
  bao secrets list | grep -q '^database/' || bao secrets enable database
  bao kv get -field=password secret/default/database/admin | bao write database/config/lesson password=- \
    plugin_name=postgresql-database-plugin allowed_roles=accounts username=admin \
    connection_url="postgresql://{{username}}:{{password}}@127.0.0.1:${NOMAD_VAR_port:-5432}/postgres?sslmode=disable"
  bao write database/roles/accounts db_name=lesson default_ttl="$lease" max_ttl="$lease_max" creation_statements=- <<'SQL'
CREATE ROLE "{{name}}" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'
SQL
  bao policy write accounts - <<'POLICY'
path "database/creds/accounts" {
  capabilities = ["read"]
}
POLICY
  # Only the job "accounts" of the namespace "default" is given that policy.
  bao write auth/jwt-nomad/role/accounts - <<'ROLE'
{
  "role_type": "jwt",
  "bound_audiences": ["vault.io"],
  "bound_claims": {"nomad_namespace": "default", "nomad_job_id": "accounts"},
  "user_claim": "/sub",
  "user_claim_json_pointer": true,
  "token_type": "service",
  "token_period": "30m",
  "token_policies": ["accounts"]
}
ROLE
  echo "Tasks with the role \"accounts\" are given a login for $lease, renewed up to $lease_max."
  ;;
*)
  sed -n 's/^# \{0,1\}//p' "$0" >&2
  exit 1
  ;;
esac
