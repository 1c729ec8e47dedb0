#!/bin/sh
# Writes proto/generated from the .proto files. With --check, writes nothing here
# and fails when what is committed is not what would be written.
set -eu
cd "$(dirname "$0")"
PATH="$(cd ../node_modules/.bin && pwd):$PATH"
if [ "${1:-}" = --check ]; then
  fresh=$(mktemp -d)
  trap 'rm -rf "$fresh"' EXIT
  buf generate --output "$fresh"
  diff -r generated "$fresh/generated" >&2 || { echo "proto/generated is stale: run 'sh proto/generate.sh'" >&2; exit 1; }
else
  buf generate
fi
