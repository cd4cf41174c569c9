# Sourced: a private Docker engine for the caller, with all of its files in one folder, stopped when the caller exits.
#
#   start_docker FOLDER   starts it, sets DOCKER_HOST
#   stop_docker           ends it, and waits until it has
#   need_debootstrap      installs it where it is missing: base images are made by it, for none can be pulled everywhere

start_docker() {
  local folder=$1
  docker_daemon= docker_folder=$folder
  if ! command -v dockerd >/dev/null; then
    say 'system packages: docker.io'
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends docker.io >/dev/null
  fi
  mkdir -p "$folder"
  dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/pid" \
    -H "unix://$folder/docker.sock" >"$folder/log" 2>&1 &
  docker_daemon=$!
  export DOCKER_HOST="unix://$folder/docker.sock"
  for _ in $(seq 120); do
    docker version >/dev/null 2>&1 && return
    kill -0 "$docker_daemon" 2>/dev/null || break
    sleep 0.5
  done
  tail -n 5 "$folder/log" >&2
  die 'the Docker engine does not start; its last lines stand above'
}

stop_docker() {
  [[ -n ${docker_daemon:-} ]] || return 0
  kill "$docker_daemon" 2>/dev/null || true
  wait "$docker_daemon" 2>/dev/null || true
  umount "$docker_folder/exec/netns/default" 2>/dev/null || true # of host networking; the engine leaves it
}

need_debootstrap() {
  command -v debootstrap >/dev/null && return
  say 'system packages: debootstrap'
  DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap >/dev/null
}
