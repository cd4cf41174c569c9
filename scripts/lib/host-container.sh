#!/usr/bin/env bash
# scripts/test-hosts container: the suite of limits in a container like a pod of the restricted Pod Security Standard.
set -euo pipefail
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
cd "$top"
. scripts/lib/steps.sh
. scripts/lib/docker-engine.sh
. scripts/lib/base-image.sh

work=$(mktemp -d)
trap 'stop_docker; rm -rf "$work"' EXIT
start_docker "$work/docker"

say 'a base image: Debian by debootstrap, with the Node of this machine'
make_base "$work/base" sandpiper-base

build() { build_image --quiet -f deploy/Dockerfile "$@" .; }
say 'the image with the tests, and the one that is shipped'
quietly 'the image with the tests' build --target suite --tag sandpiper-suite
quietly 'the image' build --tag sandpiper
docker images --format '{{.Repository}} {{.Size}}' | grep '^sandpiper'

# --user is in the image
restricted=(docker run --rm --cap-drop ALL --security-opt no-new-privileges --read-only --network none --tmpfs /tmp --env CI=true)
say 'doctor, and a program, in the image that is shipped'
"${restricted[@]}" sandpiper sandpiper doctor || [[ $? -eq 1 ]]
"${restricted[@]}" --volume "$top/examples:/examples:ro" sandpiper sandpiper run /examples/hello.py
say 'the suite of limits in a restricted container'
"${restricted[@]}" --env NO_COLOR=1 --env TERM=dumb --tmpfs /sandpiper/node_modules/.vite-temp:mode=1777 sandpiper-suite \
  node node_modules/vitest/vitest.mjs run --no-cache --project guest packages/sandbox/controller/test/limits.guest.test.ts
say 'the suite of limits passed in a restricted container'
