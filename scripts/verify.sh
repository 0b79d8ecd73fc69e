#!/bin/sh
# `npm run verify`: installs what the tests need, runs every check and test. Says yes or no.
set -eu
cd "$(dirname "$0")/.."
. scripts/install.sh
sh scripts/tools.sh
node scripts/check.ts
exec node scripts/test.ts
