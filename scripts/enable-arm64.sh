#!/usr/bin/env bash
# Lets this machine's Docker engine run arm64 images under emulation: right, but some ten times slower. Debian, as root.
set -euo pipefail

REGISTRY=/proc/sys/fs/binfmt_misc

say() { printf 'enable-arm64: %s\n' "$*" >&2; }

case $(uname -m) in
    aarch64 | arm64) say "this machine is an arm64 one"; exit 0 ;;
esac
if [ -e "$REGISTRY/qemu-aarch64" ]; then say "enabled"; exit 0; fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    say "installing the emulator takes root on Debian; Docker Desktop has one built in"
    exit 1
fi
if ! command -v update-binfmts >/dev/null || ! command -v qemu-aarch64-static >/dev/null; then
    say "installing qemu-user-static and binfmt-support"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-user-static binfmt-support >/dev/null
fi
[ -e "$REGISTRY/register" ] || mount -t binfmt_misc binfmt_misc "$REGISTRY"
update-binfmts --enable qemu-aarch64
[ -e "$REGISTRY/qemu-aarch64" ] || { say "the kernel did not take the emulator: see $REGISTRY"; exit 1; }
say "enabled"
