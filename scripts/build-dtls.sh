#!/bin/sh
# Builds mbedTLS and packages/dtls-wasm/src/shim.c into one WebAssembly module: scripts/build-dtls.sh OUT.wasm
# With a second argument, a folder that has an mbedtls-config.h and one .c file, these instead (the tests' server).
#
# The source is Debian's package `mbedtls`, fetched by apt, which verifies the archive's signature. The machine's own apt
# sources stay as they are. Everything but OUT.wasm lies in build/dtls; with unchanged inputs a second run only copies.
set -eu

version=3.6.6-0.1~deb13u1
orig=mbedtls_3.6.6.orig.tar.bz2
orig_sha256=8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

fail() { echo "build-dtls: $*" >&2; exit 1; }

[ $# -eq 1 ] || [ $# -eq 2 ] || { echo "usage: $0 OUT.wasm [FOLDER]" >&2; exit 2; }
case $1 in /*) out=$1 ;; *) out=$PWD/$1 ;; esac
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
work=$root/build/dtls
source=$(CDPATH='' cd -- "${2:-$root/packages/dtls-wasm/src}" && pwd)
built=$work/${source##*/}.wasm

install_wasm() {
  mkdir -p "$(dirname -- "$out")"
  install -m 644 "$built" "$out" # with a new date, so that make knows that it is up to date
}

# The inputs, this script with its pins among them, decide whether there is anything to do. No tool is needed for that.
inputs=$(cat "$root/scripts/build-dtls.sh" "$root"/packages/dtls-wasm/src/*.[ch] "$source"/*.[ch] | sha256sum | cut -d ' ' -f 1)
if [ -s "$built" ] && [ "$(cat "$built.inputs" 2>/dev/null)" = "$inputs" ]; then
  install_wasm
  exit 0
fi

missing=
need() { [ -e "$1" ] || missing="$missing $2"; }
need /usr/bin/clang-16 clang-16
need /usr/bin/wasm-ld-16 lld-16
need /usr/include/wasm32-wasi/stdlib.h wasi-libc
need /usr/lib/llvm-16/lib/clang/16/lib/wasi/libclang_rt.builtins-wasm32.a libclang-rt-16-dev-wasm32
need "$keyring" debian-archive-keyring
need /usr/bin/bzip2 bzip2
[ -z "$missing" ] || fail "missing tools; run: apt-get install --no-install-recommends$missing"

mkdir -p "$work"
# Two builds at a time (make -j, or two users of one checkout) would unpack over each other.
exec 9>"$work/lock"
flock 9

fetch() {
  apt=$work/apt
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  for suite in 'debian trixie' 'debian-security trixie-security'; do
    echo "deb-src [signed-by=$keyring] http://deb.debian.org/${suite% *} ${suite#* } main"
  done >"$apt/sources.list"
  set -- -q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Acquire::AllowInsecureRepositories=false \
    -o APT::Get::AllowUnauthenticated=false -o APT::Sandbox::User=root -o Acquire::Retries=3
  apt-get "$@" --error-on=any update
  (cd "$apt" && apt-get "$@" source --download-only --only-source "mbedtls=$version") || {
    echo "build-dtls: Debian trixie now has mbedtls$(apt-cache "$@" showsrc mbedtls | sed -n 's/^Version://p' | tr '\n' ' ')" >&2
    fail "mbedtls $version could not be fetched. If Debian replaced it, set version, orig and orig_sha256 in $0."
  }
  mv "$apt/$orig" "$work/$orig"
  rm -rf "$apt"
}

verify() { echo "$orig_sha256  $work/$orig" | sha256sum --check --status 2>/dev/null; }

verify || fetch
verify || fail "$work/$orig is not what was pinned (SHA-256 $orig_sha256)"

# Upstream's tarball alone: Debian's two patches touch CMake's list of folders and a warning of GCC 14, neither used here.
tree=$work/source
if [ "$(cat "$tree/.unpacked" 2>/dev/null)" != "$orig_sha256" ]; then
  rm -rf "$tree"
  mkdir -p "$tree"
  tar -xjf "$work/$orig" -C "$tree" --strip-components=1 --no-same-owner --wildcards '*/library' '*/include'
  echo "$orig_sha256" >"$tree/.unpacked"
fi

objects=$work/objects
rm -rf "$objects"
mkdir -p "$objects"
cat >"$work/flags" <<FLAGS
--target=wasm32-wasi --sysroot=/usr -isystem /usr/include/wasm32-wasi -std=c11 -Oz -flto -Wall -Wextra -Werror
-DMBEDTLS_CONFIG_FILE=<mbedtls-config.h> "-I$tree/include" "-I$tree/library" "-I$source"
FLAGS
# shellcheck disable=SC2016  # the inner shell expands these
find "$tree/library" "$source" -name '*.c' -print0 | xargs -0 -P "$(nproc)" -n 8 sh -eu -c '
  work=$1; shift
  for file; do /usr/bin/clang-16 "@$work/flags" -c "$file" -o "$work/objects/$(basename -- "$file" .c).o"; done
' compile "$work"

# A reactor has no main(). The declared maximum bounds what a hostile peer can make us allocate, and keeps V8 from
# reserving gigabytes of address space. Debian's old wasm-opt refuses the module and clang runs it if it is in PATH.
PATH=$work/no-wasm-opt /usr/bin/clang-16 --target=wasm32-wasi --sysroot=/usr -L/usr/lib/wasm32-wasi -mexec-model=reactor \
  -Oz -flto -fuse-ld=/usr/bin/wasm-ld-16 \
  -Wl,--strip-all,--gc-sections,--no-entry,-z,stack-size=65536,--max-memory=4194304,-O2,--lto-O2 \
  "$objects"/*.o -o "$built.new"
mv "$built.new" "$built"
echo "$inputs" >"$built.inputs"
rm -rf "$objects"
install_wasm
echo "build-dtls: mbedTLS $version, $(wc -c <"$out") bytes in $out"
