#!/bin/sh
# `npm run tools`: finds what the live tests need on PATH, or gets it. Idempotent; says what it does only when it does something.
# Debian packages are installed with apt when we are root; elsewhere it says what to install.
set -eu
cd "$(dirname "$0")/.."

missing=
want() { # command, Debian package
  command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ] || missing="$missing $2"
}
want runc runc
want conmon conmon
want docker-compose docker-compose
want setpriv util-linux
want ps procps
want curl curl

if [ -n "$missing" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "tools: installing$missing with apt ..." >&2
    log=$(mktemp)
    if ! { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing; } >"$log" 2>&1; then
      tail -n 20 "$log" >&2
      rm -f "$log"
      echo "tools: apt could not install$missing: install them by hand, or set DROVER_SKIP_LIVE=1 to leave out the live tests" >&2
      exit 1
    fi
    rm -f "$log"
  else
    echo "tools: not found:$missing: install them with your package manager (apt install$missing), or set DROVER_SKIP_LIVE=1" >&2
    exit 1
  fi
fi

if ! command -v go >/dev/null 2>&1; then
  echo "tools: go is not on PATH: the test with the public Go client needs Go 1.24 or newer (https://go.dev/dl), or set DROVER_SKIP_LIVE=1" >&2
  [ -n "${DROVER_SKIP_LIVE:-}" ] || exit 1
fi
