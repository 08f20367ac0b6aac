#!/bin/sh
# Installs what a make target needs and this machine lacks, and says what it installs.
#   install-needs.sh pure|build|native|demo|test|offload
# Debian 12 with Node 20 or later; as root, or with what is needed there already.
set -eu

build="make clang-16 lld-16 wasi-libc libclang-rt-16-dev-wasm32 dpkg-dev ca-certificates debian-archive-keyring"
native="musl-dev wabt libclang-rt-16-dev libc6-dev"
lab="iproute2 iputils-ping netbase nftables conntrack procps gcc libc6-dev pkg-config libcoap3-dev libcjson-dev libcbor-dev"
tools="openssl gnutls-bin shellcheck busybox dnsmasq-base isc-dhcp-client"
machine="qemu-system-x86 kmod busybox"
web="chromium fonts-noto-core fonts-wqy-microhei mosquitto"

case "${1:-build}" in
  pure) wanted="" ;;
  build) wanted=$build ;;
  native) wanted="$build $native" ;;
  demo) wanted="$build $lab openssl" ;;
  test) wanted="$build $native $lab $tools $web" ;;
  offload) wanted="$build $lab openssl $machine" ;;
  *) echo "usage: $0 pure|build|native|demo|test|offload" >&2; exit 2 ;;
esac

missing=""
for package in $wanted; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' || missing="$missing $package"
done
if [ -n "$missing" ]; then
  if [ "$(id -u)" != 0 ]; then
    echo "These Debian packages are missing:$missing" >&2
    echo "Install them as root: apt-get install$missing" >&2
    exit 1
  fi
  echo "Installing Debian packages:$missing"
  apt-get update -qq
  # shellcheck disable=SC2086 # a list of package names
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
if [ "$major" -lt 20 ]; then
  echo "Node 20 or later is needed (found: $(node --version 2>/dev/null || echo none))." >&2
  exit 1
fi
if [ -z "$(find node_modules/.package-lock.json -newer package-lock.json 2>/dev/null)" ]; then
  echo "Installing npm packages of package-lock.json"
  npm ci --no-audit --no-fund --loglevel=error
  touch node_modules/.package-lock.json
fi
