#!/bin/sh
# Builds Debian's QuickJS (source package of suite trixie, as bookworm has none): build-quickjs.sh; prints the path of qjs.
# apt verifies the archive's signature; the machine's own apt sources stay as they are. All is in build/quickjs.
set -eu

version=2025.04.26-1
orig=quickjs_2025.04.26.orig.tar.xz
orig_sha256=ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
work=$root/build/quickjs
qjs=$work/source/qjs

verify() { echo "$orig_sha256  $work/$orig" | sha256sum --check --status 2>/dev/null; }

if [ ! -x "$qjs" ]; then
  mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
  echo "deb-src [signed-by=$keyring] http://deb.debian.org/debian trixie main" >"$work/apt/sources.list"
  set -- -qq -o "Dir::Etc::sourcelist=$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$work/apt/lists" \
    -o "Dir::Cache=$work/apt/cache" -o APT::Sandbox::User=root -o Acquire::AllowInsecureRepositories=false
  if ! verify; then
    echo "Fetching quickjs $version from Debian trixie" >&2
    apt-get "$@" update >&2
    (cd "$work" && apt-get "$@" source --download-only --only-source "quickjs=$version" >&2)
  fi
  verify || { echo "$work/$orig is not what was pinned" >&2; exit 1; }
  rm -rf "$work/source" "$work/apt"
  mkdir -p "$work/source"
  tar -xJf "$work/$orig" -C "$work/source" --strip-components=1 --no-same-owner
  echo "Building it (half a minute)" >&2
  make -C "$work/source" CONFIG_LTO= qjs >"$work/log" 2>&1 || { tail -20 "$work/log" >&2; exit 1; }
  strip "$qjs"
fi
echo "$qjs"
