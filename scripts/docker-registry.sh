#!/usr/bin/env bash
# Prints the path of a container registry's program, for tests of what is pushed: Debian's docker-registry, unpacked
# into build/ without being installed.
set -euo pipefail
cd "$(dirname "$0")/.."

folder=$PWD/build/docker-registry
program=$folder/usr/bin/docker-registry
if [ ! -x "$program" ]; then
    command -v apt-get >/dev/null || { echo "docker-registry: this is not Debian" >&2; exit 1; }
    work=$(mktemp -d)
    trap 'rm -r "$work"' EXIT
    chmod 755 "$work"
    download() { (cd "$work" && apt-get -o APT::Sandbox::User=root download -qq docker-registry >&2); }
    download || { apt-get update -qq >&2 && download; }
    mkdir -p "$folder"
    dpkg-deb -x "$work"/docker-registry_*.deb "$folder"
fi
echo "$program"
