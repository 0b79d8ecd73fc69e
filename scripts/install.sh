# Sourced by the two README commands: makes sure the packages of package-lock.json are there, and puts the pinned Node first on
# PATH. Any Node >= 20 with npm is enough to get here. Set install_wanted=run before to do without what only development needs
# (an argument would not arrive: POSIX passes none to a sourced file).
install_wanted="${install_wanted:-all}"

# npm itself keeps the record of what is installed; the TypeScript compiler stands for all that development needs.
install_record=node_modules/.package-lock.json
if [ ! -e "$install_record" ] || [ package-lock.json -nt "$install_record" ] || { [ "$install_wanted" = all ] && [ ! -d node_modules/typescript ]; }; then
  if ! command -v npm >/dev/null 2>&1; then
    echo "drover: npm is not on PATH: install Node.js 20 or newer (https://nodejs.org), then run this again" >&2
    exit 1
  fi
  if [ ! -w . ]; then
    echo "drover: the packages are not installed, and $PWD is not writable by this user: run npm ci there as its owner first" >&2
    exit 1
  fi
  echo "drover: installing packages (once, about 20 s) ..." >&2
  install_flags="--no-audit --no-fund --loglevel=error"
  # Who has the development packages keeps them.
  [ "$install_wanted" = run ] && [ ! -d node_modules/typescript ] && install_flags="$install_flags --omit=dev"
  install_log=$(mktemp)
  # npm would keep its compiled code in a folder of its own beside the temporary files.
  if ! NODE_DISABLE_COMPILE_CACHE=1 npm ci $install_flags >"$install_log" 2>&1; then
    cat "$install_log" >&2
    rm -f "$install_log"
    echo "drover: npm ci failed: see above; the registry must be reachable" >&2
    exit 1
  fi
  rm -f "$install_log"
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
