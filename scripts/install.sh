# Sourced by the two README commands: makes sure the packages of package-lock.json are there, and puts the pinned Node first on
# PATH. Any Node >= 20 with npm is enough to get here. Usage: . scripts/install.sh [all|run]
install_wanted="${1:-all}"

if ! command -v npm >/dev/null 2>&1; then
  echo "drover: npm is not on PATH: install Node.js 20 or newer (https://nodejs.org), then run this again" >&2
  exit 1
fi

install_stamp="node_modules/.drover-installed-$install_wanted"
if [ ! -e "$install_stamp" ] || [ package-lock.json -nt "$install_stamp" ]; then
  echo "drover: installing packages (once, about 20 s) ..." >&2
  install_flags="--no-audit --no-fund --loglevel=error"
  [ "$install_wanted" = run ] && install_flags="$install_flags --omit=dev"
  # Install scripts of two packages only fetch a prebuilt binary for speed; nothing here needs them.
  if ! npm ci $install_flags >node_modules.log 2>&1; then
    cat node_modules.log >&2
    echo "drover: npm ci failed: see above; the registry must be reachable" >&2
    exit 1
  fi
  rm -f node_modules.log
  : >"$install_stamp"
  [ "$install_wanted" = all ] && : >node_modules/.drover-installed-run
fi
PATH="$PWD/node_modules/.bin:$PATH"
export PATH
