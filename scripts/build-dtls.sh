#!/bin/sh
# Builds mbedTLS and packages/dtls-wasm/src/shim.c into one WebAssembly module: scripts/build-dtls.sh OUT.wasm
# With a second argument, a folder that has an mbedtls-config.h and one .c file, these instead (the tests' server).
#
# The source is Debian's package `mbedtls` (fetch-debian-source.sh). Everything but OUT.wasm lies in build/dtls; with unchanged inputs a
# second run only copies.
set -eu

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

# The inputs, the pins of the source among them, decide whether there is anything to do. No tool is needed for that.
inputs=$(cat "$root/scripts/build-dtls.sh" "$root/scripts/fetch-debian-source.sh" "$root"/packages/dtls-wasm/src/*.[ch] "$source"/*.[ch] | sha256sum | cut -d ' ' -f 1)
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
need /usr/share/keyrings/debian-archive-keyring.gpg debian-archive-keyring
need /usr/bin/bzip2 bzip2
[ -z "$missing" ] || fail "missing tools; run: apt-get install --no-install-recommends$missing"

mkdir -p "$work"
# Two builds at a time (make -j, or two users of one checkout) would unpack over each other.
exec 9>"$work/lock"
flock 9

"$root/scripts/fetch-debian-source.sh" mbedtls "$work"
tree=$work/source

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
echo "build-dtls: $(wc -c <"$out") bytes in $out"
