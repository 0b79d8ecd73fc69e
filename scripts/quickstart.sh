#!/bin/sh
# `npm run quickstart`: a dev agent with a job running on it, from nothing. Ctrl-C stops all and leaves nothing.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh run
exec node scripts/quickstart.ts "$@"
