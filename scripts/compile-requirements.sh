#!/bin/sh
# Compiles the hashed requirement files from pyproject.toml. Run it after changing a dependency: make requirements
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}

compile() { # NAME ARGUMENT…
    name=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --custom-compile-command "make requirements" --output-file "requirements/$name.txt" "$@" pyproject.toml
}

compile development --group build --group dev --extra cli --extra local
compile local --group build --extra cli --extra local --constraint requirements/development.txt
