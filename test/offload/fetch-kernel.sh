#!/bin/sh
# Debian's kernel for virtual machines, which has flowtables: fetch-kernel.sh [SERIES] prints the folder that it lies in.
# Without SERIES the one of this Debian (6.1 in bookworm); `6.12` for the newer one that Debian 12 has as well.
#
# It is downloaded by apt, which verifies it, and unpacked into build/offload; it is not installed. A folder that is there
# already is used as it is, without a look at the network; `make clean` removes it.
set -eu

fail() { echo "fetch-kernel: $*" >&2; exit 1; }

meta=linux-image-${1:+$1-}cloud-amd64
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
folder=$root/build/offload/$meta

if [ ! -e "$folder/vmlinuz" ]; then
  unpacked=$folder.new
  rm -rf "$folder" "$unpacked"
  mkdir -p "$unpacked"
  download() {
    package=$(apt-cache depends "$meta" | sed -n 's/^ *Depends: \(linux-image-[0-9].*-cloud-amd64\)$/\1/p' | head -n 1)
    [ -n "$package" ] && (cd "$unpacked" && apt-get download -qq -o APT::Sandbox::User=root "$package" >&2)
  }
  # apt's lists may be missing, or older than what the archive still has.
  download 2>/dev/null || { apt-get update -qq >&2 && download; } || fail "apt does not have $meta, or cannot download it"
  dpkg -x "$unpacked"/linux-image-*.deb "$unpacked"
  rm "$unpacked"/linux-image-*.deb
  version=$(ls "$unpacked/lib/modules")
  depmod -b "$unpacked" "$version"
  mv "$unpacked/boot/vmlinuz-$version" "$unpacked/vmlinuz"
  mv "$unpacked" "$folder"
  echo "Downloaded $package into ${folder#"$root"/}" >&2
fi
echo "$folder"
