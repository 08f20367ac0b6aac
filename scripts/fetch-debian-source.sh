#!/bin/sh
# Unpacks the upstream tarball of a Debian source package, without Debian's patches, into FOLDER/source:
#   fetch-debian-source.sh mbedtls|quickjs FOLDER
# apt verifies the archive's signature, the SHA-256 pins the content; the machine's own apt sources stay as they are. What is there already
# is not fetched again.
set -eu

package=${1:-} work=${2:-}
case $package in
  # Debian's two patches touch CMake's list of folders and a warning of GCC 14, neither used here.
  mbedtls) version=3.6.6-0.1~deb13u1 tarball=mbedtls_3.6.6.orig.tar.bz2 sha256=8fb65fae8dcae5840f793c0a334860a411f884cc537ea290ce1c52bb64ca007a wanted='*/library */include' ;;
  quickjs) version=2025.04.26-1 tarball=quickjs_2025.04.26.orig.tar.xz sha256=ec81da5b3249ed648dbc7df4a1654988910e66a118d9b71cb63534216efcfbbe wanted='*/*.c */*.h */VERSION' ;;
  *) echo "usage: $0 mbedtls|quickjs FOLDER" >&2; exit 2 ;;
esac
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
fail() { echo "fetch-debian-source: $*" >&2; exit 1; }
verify() { echo "$sha256  $work/$tarball" | sha256sum --check --status 2>/dev/null; }

fetch() (
  apt=$work/apt
  rm -rf "$apt"
  mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
  for suite in 'debian trixie' 'debian-security trixie-security'; do
    echo "deb-src [signed-by=$keyring] http://deb.debian.org/${suite% *} ${suite#* } main"
  done >"$apt/sources.list"
  set -- -q -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o "Dir::State::lists=$apt/lists" -o "Dir::Cache=$apt/cache" -o Acquire::AllowInsecureRepositories=false \
    -o APT::Get::AllowUnauthenticated=false -o APT::Sandbox::User=root -o Acquire::Retries=3
  echo "Fetching the source of $package $version from Debian trixie" >&2
  apt-get "$@" --error-on=any update >&2
  (cd "$apt" && apt-get "$@" source --download-only --only-source "$package=$version" >&2) || {
    echo "fetch-debian-source: Debian trixie now has $package$(apt-cache "$@" showsrc "$package" | sed -n 's/^Version://p' | tr '\n' ' ')" >&2
    fail "$package $version could not be fetched. If Debian replaced it, set version, tarball and sha256 in $0."
  }
  mv "$apt/$tarball" "$work/$tarball"
  rm -rf "$apt"
)

[ -e "$keyring" ] || fail "missing: apt-get install debian-archive-keyring"
mkdir -p "$work"
# Two builds at a time (make -j, or two users of one checkout) would unpack over each other.
exec 8>"$work/fetch-lock"
flock 8
verify || fetch
verify || fail "$work/$tarball is not what was pinned (SHA-256 $sha256)"
if [ "$(cat "$work/source/.unpacked" 2>/dev/null)" != "$sha256" ]; then
  rm -rf "$work/source"
  mkdir -p "$work/source"
  # shellcheck disable=SC2086 # a list of patterns
  (set -f; tar -xf "$work/$tarball" -C "$work/source" --strip-components=1 --no-same-owner --wildcards $wanted)
  echo "$sha256" >"$work/source/.unpacked"
fi
