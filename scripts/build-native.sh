#!/bin/bash
# Builds the native runtime of host/ for this machine:
#   build-native.sh release PROGRAM.js OUT   a static executable (musl) that holds the program as bytecode
#   build-native.sh script OUT               the same, but it runs a program that it is given
#   build-native.sh sanitized OUT            that, with AddressSanitizer and UBSan, on the system's C library
# QuickJS and mbedTLS are Debian's source packages. All lies in build/native; what has not changed is not compiled again.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
work=$root/build/native
cc=/usr/bin/clang-16

kind=${1:-}
case $kind:$# in release:3 | script:2 | sanitized:2) ;; *) sed -n '2,5s/^# *//p' "$0" >&2; exit 2 ;; esac
out=${!#}

mkdir -p "$work"
exec 9>"$work/lock"
flock 9
"$root/scripts/fetch-debian-source.sh" quickjs "$work/quickjs"
"$root/scripts/fetch-debian-source.sh" mbedtls "$root/build/dtls"
quickjs_tree=$work/quickjs/source
mbedtls_tree=$root/build/dtls/source

musl=/usr/lib/x86_64-linux-musl
builtins=/usr/lib/llvm-16/lib/clang/16
hardened=(-fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fPIE)
# The same bytes wherever the tree lies.
common=(-std=gnu11 -g0 -ffunction-sections -fdata-sections "-ffile-prefix-map=$root=.")
if [ "$kind" = sanitized ]; then
  variant=sanitized
  target=(-O1 -g -fno-omit-frame-pointer -fsanitize=address -fsanitize=undefined -fno-sanitize-recover=all)
  # QuickJS calls functions through pointers of another type, and shifts signed numbers: not ours to mend.
  foreign=(-fno-sanitize=undefined -w)
else
  variant=release
  target=(--target=x86_64-linux-musl -nostdlibinc -isystem /usr/include/x86_64-linux-musl -O2 "${hardened[@]}")
  foreign=(-w)
fi
objects=$work/$variant
# dtls.wasm as C, so that what it does stays in its sandbox.
mkdir -p "$work/wabt" "$work/dtls"
ln -sf /usr/include/wasm-rt.h "$work/wabt/wasm-rt.h"
wasm2c "$root/dist/dtls.wasm" -n dtls -o "$work/dtls/dtls.c"
sandbox=(-DWASM_RT_MEMCHECK_SIGNAL_HANDLER=0 "-I$work/wabt" "-I$work/dtls")
mkdir -p "$objects"

# compile GROUP FLAGS… -- FILE…: to $objects/GROUP/*.o, where the flags, the sources and their headers are not those of last time.
compile() {
  local group=$1 flags=() stamp
  shift
  while [ "$1" != -- ]; do flags+=("$1"); shift; done
  shift
  local folder=$objects/$group
  stamp=$( { echo "${flags[*]}"; cat "$@" "$(dirname "$1")"/*.h; } | sha256sum)
  [ "$(cat "$folder/.stamp" 2>/dev/null)" != "$stamp" ] || return 0
  echo "build-native: compiling $group ($variant)"
  rm -rf "$folder"
  mkdir -p "$folder"
  # shellcheck disable=SC2016 # the inner shell expands these
  printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 bash -euc '"${@:2:$#-2}" -c "${@: -1}" -o "$1/$(basename "${@: -1}" .c).o"' compile "$folder" "$cc" "${flags[@]}"
  echo "$stamp" >"$folder/.stamp"
}

compile quickjs "${common[@]}" "${target[@]}" "${foreign[@]}" -D_GNU_SOURCE '-DCONFIG_VERSION="2025-04-26"' \
  -- "$quickjs_tree"/{quickjs,dtoa,libregexp,libunicode,cutils}.c
compile mbedtls "${common[@]}" "${target[@]}" "${foreign[@]}" -Os '-DMBEDTLS_CONFIG_FILE=<mbedtls-config.h>' \
  "-I$root/packages/dtls-wasm/src" "-I$mbedtls_tree/include" "-I$mbedtls_tree/library" -- "$mbedtls_tree"/library/*.c
compile dtls "${common[@]}" "${target[@]}" "${foreign[@]}" "${sandbox[@]}" -Os -- "$work/dtls/dtls.c"
compile host "${common[@]}" "${target[@]}" "${sandbox[@]}" -Wall -Wextra -Werror -Wshadow -Wno-unused-command-line-argument '-DMBEDTLS_CONFIG_FILE=<mbedtls-config.h>' \
  "-I$root/packages/dtls-wasm/src" -isystem "$mbedtls_tree/include" -isystem "$quickjs_tree" -- "$root"/host/src/*.c

parts=("$objects"/{quickjs,mbedtls,dtls}/*.o)
for object in "$objects"/host/*.o; do
  case $(basename "$object"):$kind in main.o:release | run-script.o:script | run-script.o:sanitized) parts+=("$object") ;; main.o:* | run-script.o:*) ;; *) parts+=("$object") ;; esac
done

if [ "$kind" = release ]; then
  qjsc=$work/qjsc
  if [ ! -x "$qjsc" ]; then
    "$cc" -w -O1 -D_GNU_SOURCE '-DCONFIG_VERSION="2025-04-26"' '-DCONFIG_PREFIX="/"' -o "$qjsc" \
      "$quickjs_tree"/{qjsc,quickjs-libc,quickjs,dtoa,libregexp,libunicode,cutils}.c -lm -ldl -lpthread
  fi
  "$qjsc" -s -c -N qjsc_program -o "$work/program.c" "$2"
  "$cc" "${common[@]}" "${target[@]}" -w -c "$work/program.c" -o "$work/program.o"
  parts+=("$work/program.o")
fi

mkdir -p "$(dirname "$out")"
if [ "$kind" = sanitized ]; then
  "$cc" "${target[@]}" "${parts[@]}" -o "$out.new" -lm -lpthread
else
  "$cc" --target=x86_64-linux-musl -fuse-ld=/usr/bin/ld.lld-16 -nostdlib -static-pie -Wl,-pie,--no-dynamic-linker,-z,relro,-z,now,-z,noexecstack,--gc-sections,--strip-all,-O2 \
    "$musl/rcrt1.o" "$musl/crti.o" "${parts[@]}" -L"$musl" -lc "$builtins/lib/linux/libclang_rt.builtins-x86_64.a" "$musl/crtn.o" -o "$out.new"
fi
mv "$out.new" "$out"
echo "build-native: $(wc -c <"$out") bytes in $out"
