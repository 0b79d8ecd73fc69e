#!/bin/sh
# `npm run quickstart`: a dev agent with a job running on it, from nothing. Ctrl-C stops all and leaves nothing.
set -eu
cd "$(dirname "$0")/.."
install_wanted=run
. scripts/install.sh
exec node scripts/quickstart.ts "$@"
