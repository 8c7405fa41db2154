#!/bin/sh
# Compiles the hashed requirement files from pyproject.toml. Run it after changing a dependency: make requirements
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-uv}
"$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --custom-compile-command "make requirements" --group dev --extra cli --extra local \
  --output-file requirements/development.txt pyproject.toml
