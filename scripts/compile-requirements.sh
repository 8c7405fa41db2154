#!/bin/sh
# Compiles the hashed requirement files from pyproject.toml. Run it after changing a dependency: make requirements
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}

compile() { # NAME ARGUMENT…
    name=$1
    shift
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
        --custom-compile-command "make requirements" --output-file "requirements/$name.txt" "$@"
}

compile development --group build --group dev --extra cli --extra local pyproject.toml
compile local --group build --extra cli --extra local --constraint requirements/development.txt pyproject.toml
compile security --group security
compile benchmarks --group build --group bench --constraint requirements/development.txt pyproject.toml

# Of each stage's image, and of the stand-in for their base: for Python 3.13 on Linux, at the versions that are tested.
compile_image() { # FILE ARGUMENT…
    file=$1
    shift
    "$uv" pip compile --quiet --python-version 3.13 --python-platform linux --generate-hashes --no-emit-index-url \
        --custom-compile-command "make requirements" --output-file "$file" "$@"
}

for stage in ingest validate transform output; do
    compile_image "requirements/$stage.txt" --constraint requirements/development.txt --group "$stage"
done
compile_image scripts/lambda-base/requirements.txt scripts/lambda-base/requirements.in
compile_image infra/localstack/stand-in/requirements.txt infra/localstack/stand-in/requirements.in
