#!/usr/bin/env bash
# Builds a stand-in for AWS's Lambda base image out of Debian's packages, for machines that reach no container registry:
#   scripts/lambda-base/build.sh [amd64|arm64]
# for the engine's own architecture if none is named; it tags filegate-lambda-base:amd64 or filegate-lambda-base:arm64.
# It has the same contract (entrypoint, /var/task, /var/runtime, /var/lang, awslambdaric, an emulator on port 8080). It is
# no Amazon Linux. Nothing of the target architecture runs here: one machine builds both, its own architecture's first.
set -euo pipefail
cd "$(dirname "$0")"

own=$(docker version --format '{{.Server.Arch}}')
architecture=${1:-$own}
case $architecture in
    amd64) machine=x86_64 ;;
    arm64) machine=aarch64 ;;
    *) echo "lambda-base: build for amd64 or arm64, not for $architecture" >&2; exit 2 ;;
esac
if ! command -v mmdebstrap >/dev/null; then
    if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
        echo "lambda-base: mmdebstrap is missing, and installing it takes root on Debian" >&2
        exit 1
    fi
    echo "lambda-base: installing mmdebstrap" >&2
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends mmdebstrap >/dev/null
fi
compiler=unpacked
if [ "$architecture" != "$own" ]; then
    compiler=filegate-lambda-base:$own
    docker image inspect "$compiler" >/dev/null 2>&1 || ./build.sh "$own"
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
packages=$work/root/var/lang/lib/python3.13/site-packages

# What the image has besides Debian, laid out as in the image.
mkdir -p "$packages" "$work"/root/{root,tmp,opt,etc/ssl/certs,var/task,var/runtime,var/lang/bin,usr/local/bin} \
    "$work/root/usr/local/lib/python3.13/dist-packages"
chmod 1777 "$work/root/tmp"
"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --root-user-action=ignore --no-compile \
    --target "$packages" --require-hashes --requirement requirements.txt --only-binary=:all: \
    --implementation cp --python-version 3.13 --platform "manylinux2014_$machine" --platform "manylinux_2_28_$machine"
rm -rf "$packages/bin"
install -m 755 lambda-entrypoint.sh "$work/root/lambda-entrypoint.sh"
install -m 755 bootstrap "$work/root/var/runtime/bootstrap"
# The emulator, with the one module of Filegate that it uses, in a folder of its own: a function must not see them.
emulator=$work/root/usr/local/lib/aws-lambda-rie
mkdir -p "$emulator/filegate/devcloud"
touch "$emulator/filegate/__init__.py" "$emulator/filegate/devcloud/__init__.py"
install -m 644 ../../src/filegate/devcloud/runtime_api.py "$emulator/filegate/devcloud/"
install -m 755 emulator.py "$emulator/"
ln -s ../lib/aws-lambda-rie/emulator.py "$work/root/usr/local/bin/aws-lambda-rie"
for name in python python3 python3.13; do ln -s /usr/bin/python3.13 "$work/root/var/lang/bin/$name"; done
printf '#!/bin/sh\nexec /var/lang/bin/python3.13 -m pip "$@"\n' >"$work/root/var/lang/bin/pip"
chmod 755 "$work/root/var/lang/bin/pip"
echo /var/lang/lib/python3.13/site-packages >"$work/root/usr/local/lib/python3.13/dist-packages/var-lang.pth"

# Packages are unpacked only: their scripts would have to run on the target architecture.
SOURCE_DATE_EPOCH=0 mmdebstrap --quiet --architectures="$architecture" --variant=extract \
    --include=base-files,bash,ca-certificates,coreutils,dash,findutils,grep,libc-bin,libstdc++6,python3.13,sed \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --extract-hook="cp -a '$work/root/.' \"\$1/\"" \
    --extract-hook='cat "$1"/usr/share/ca-certificates/mozilla/*.crt >"$1/etc/ssl/certs/ca-certificates.crt"' \
    --extract-hook='printf "root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n" >"$1/etc/passwd"' \
    --extract-hook='rm -f "$1/usr/lib/python3.13/EXTERNALLY-MANAGED" && : >"$1/etc/apt/sources.list"' \
    trixie "$work/root.tar" "$(../debian-mirror.sh)"

rm -r "$work/root"
cp Dockerfile "$work/"
DOCKER_BUILDKIT=1 docker build --quiet --platform "linux/$architecture" --build-arg "COMPILER=$compiler" \
    --tag "filegate-lambda-base:$architecture" "$work" >/dev/null
echo "lambda-base: filegate-lambda-base:$architecture is built" >&2
