#!/bin/sh
# What an operator does once: a password for the database, and a role in Vault whose logins live for a short time.
#
#   prepare.sh password            before database.nomad.hcl: makes the administrator's password, which nobody sees
#   prepare.sh logins [PORT]       after it: Vault may make logins, and tasks with the role "accounts" may ask for one
#
# Needs VAULT_ADDR and VAULT_TOKEN (an operator's). LEASE and LEASE_MAX: how long a login lives, and how long at most (20s and 60s).
set -eu

vault() { # method, path, JSON
  curl --silent --show-error --fail-with-body --request "$1" --header "X-Vault-Token: $VAULT_TOKEN" --data "$3" "$VAULT_ADDR/v1/$2"
}

case "${1:-}" in
password)
  password=$(od -An -N18 -tx1 /dev/urandom | tr -d ' \n')
  vault POST secret/data/default/database/admin "{\"data\": {\"password\": \"$password\"}}" >/dev/null
  echo "The administrator's password is in secret/default/database/admin."
  ;;
logins)
  port=${2:-5432}
  password=$(vault GET secret/data/default/database/admin "" | sed 's/.*"password":"\([0-9a-f]*\)".*/\1/')
  vault POST sys/mounts/database '{"type": "database"}' || true
  vault POST database/config/lesson "{
    \"plugin_name\": \"postgresql-database-plugin\", \"allowed_roles\": \"accounts\", \"username\": \"admin\", \"password\": \"$password\",
    \"connection_url\": \"postgresql://{{username}}:{{password}}@127.0.0.1:$port/postgres?sslmode=disable\"}"
  vault POST database/roles/accounts "{
    \"db_name\": \"lesson\", \"default_ttl\": \"${LEASE:-20s}\", \"max_ttl\": \"${LEASE_MAX:-60s}\",
    \"creation_statements\": [\"CREATE ROLE \\\"{{name}}\\\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}'\"]}"
  vault POST sys/policies/acl/accounts '{"policy": "path \"database/creds/accounts\" { capabilities = [\"read\"] }"}'
  vault POST auth/jwt-nomad/role/accounts '{
    "role_type": "jwt", "bound_audiences": ["vault.io"], "user_claim": "/nomad_job_id", "user_claim_json_pointer": true,
    "bound_claims": {"nomad_job_id": "accounts"}, "token_type": "service", "token_period": "30m", "token_policies": ["accounts"]}'
  echo "Tasks with the role \"accounts\" are given a login for ${LEASE:-20s}, renewed up to ${LEASE_MAX:-60s}."
  ;;
*)
  sed -n 's/^# \{0,1\}//p' "$0" >&2
  exit 1
  ;;
esac
