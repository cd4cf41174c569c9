# shellcheck shell=bash
# Sourced, after docker-engine.sh: images that are built without a registry.
#
#   make_base FOLDER NAME   imports Debian 12 with the Node of this machine and npm as the image NAME; FOLDER is for its
#                           files and is removed
#   build_image ARGUMENT... of docker build, on the base sandpiper-base

make_base() {
  local folder=$1 name=$2 prefix
  need_debootstrap
  quietly debootstrap debootstrap --variant=minbase --include=ca-certificates bookworm "$folder"
  prefix=$(dirname "$(dirname "$(readlink -f "$(command -v node)")")")
  install -D "$prefix/bin/node" "$folder/usr/local/bin/node"
  mkdir -p "$folder/usr/local/lib/node_modules"
  cp -r "$(npm root -g)/npm" "$folder/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$folder/usr/local/bin/npm"
  # The certificates with which this machine trusts its registries, for the stages that build; outside of /etc/ssl,
  # which goes into the image.
  install -D /etc/ssl/certs/ca-certificates.crt "$folder/opt/build-certificates.crt"
  tar -C "$folder" -c . |
    docker import --change 'ENV NODE_EXTRA_CA_CERTS=/opt/build-certificates.crt' - "$name" >/dev/null
  rm -rf "$folder"
}

# Not BuildKit: it wants a plugin, and images of its own.
build_image() { DOCKER_BUILDKIT=0 docker build --network host --build-arg BASE=sandpiper-base "$@"; }
