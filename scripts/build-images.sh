#!/usr/bin/env bash
# Builds the stages' images: scripts/build-images.sh [STAGE…]. See docs/images.md.
#
#   PLATFORM           linux/amd64 or linux/arm64; the Docker engine's own if not set
#   REPOSITORY, TAG    name the images REPOSITORY/STAGE:TAG; filegate/STAGE:local, or filegate/STAGE:arm64 for another
#                      platform than the engine's
#   LAMBDA_BASE_IMAGE  the base; AWS's if not set
#   STAND_INS=1        the base is the one that `make stand-ins` built
set -euo pipefail
cd "$(dirname "$0")/.."

engine=$(docker version --format '{{.Server.Os}}/{{.Server.Arch}}')
platform=${PLATFORM:-$engine}
if [ "$platform" = "$engine" ]; then tag=${TAG:-local}; else tag=${TAG:-${platform#*/}}; fi

arguments=(
    --build-arg "VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)"
    --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)"
)
source=$({ git remote get-url origin 2>/dev/null || true; } | sed -n 's|^https://\([^@/]*@\)\{0,1\}|https://|p')
if [ -n "$source" ]; then arguments+=(--build-arg "SOURCE=${source%.git}"); fi

if [ -n "${STAND_INS:-}" ]; then
    for base in "filegate-lambda-base:${platform#*/}" "filegate-lambda-base:${engine#*/}"; do
        if ! docker image inspect "$base" >/dev/null 2>&1; then
            echo "build-images: the stand-in $base is not built: make stand-ins PLATFORM=$platform" >&2
            exit 1
        fi
    done
    arguments+=(
        --build-arg "LAMBDA_BASE_IMAGE=filegate-lambda-base:${platform#*/}"
        --build-arg "LAMBDA_BUILD_IMAGE=filegate-lambda-base:${engine#*/}"
    )
elif [ -n "${LAMBDA_BASE_IMAGE:-}" ]; then
    arguments+=(--build-arg "LAMBDA_BASE_IMAGE=$LAMBDA_BASE_IMAGE")
fi

. scripts/pip-secrets.sh
arguments+=("${pip_secrets[@]}")

stages=("$@")
if [ $# = 0 ]; then stages=(ingest validate transform output); fi
for stage in "${stages[@]}"; do
    image=${REPOSITORY:-filegate}/$stage:$tag
    # Lambda refuses images with attestations beside them.
    if ! docker buildx build --load --quiet --provenance=false --sbom=false --platform "$platform" --target "$stage" \
        --file images/Dockerfile "${arguments[@]}" --tag "$image" . >/dev/null; then
        if [ -z "${STAND_INS:-}" ]; then
            echo "build-images: where no container registry is reachable, run make stand-ins, and set STAND_INS=1" >&2
        fi
        exit 1
    fi
    echo "build-images: $image for $platform" >&2
done
