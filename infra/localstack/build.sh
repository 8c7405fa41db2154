#!/usr/bin/env bash
# Builds LocalStack with the plugin, or what stands in for LocalStack's own image: infra/localstack/build.sh image|stand-in
#
#   LOCALSTACK_IMAGE  the LocalStack to put the plugin into; LocalStack's own 4.14.0 if not set
#   STAND_INS=1       put it into the stand-in
set -euo pipefail
cd "$(dirname "$0")"

STAND_IN=filegate-localstack-stand-in:4.14.0

. ../../scripts/pip-secrets.sh

build() { # TAG FOLDER ARGUMENT…
    local tag=$1 folder=$2
    shift 2
    docker buildx build --load --quiet "${pip_secrets[@]}" "$@" --tag "$tag" "$folder" >/dev/null
    echo "build: $tag" >&2
}

case ${1:-} in
    image)
        base=${LOCALSTACK_IMAGE:-}
        if [ -n "${STAND_INS:-}" ]; then base=$STAND_IN; fi
        if ! build filegate/localstack:local . ${base:+--build-arg "LOCALSTACK_IMAGE=$base"}; then
            if [ -z "${STAND_INS:-}" ]; then
                echo "build: where no container registry is reachable, run make stand-ins, and set STAND_INS=1" >&2
            fi
            exit 1
        fi
        ;;
    stand-in)
        engine=$(docker version --format '{{.Server.Arch}}')
        build "$STAND_IN" stand-in --build-arg "BASE_IMAGE=filegate-lambda-base:$engine"
        ;;
    *)
        echo "build: build an image or a stand-in, not ${1:-nothing}" >&2
        exit 2
        ;;
esac
