# shellcheck shell=bash
# Sourced, after debian.sh: nginx and HAProxy for the tests of docs/proxies.md, from Debian's packages, unpacked into .tools
# and not installed.
#
#   find_proxies   sets TEST_NGINX and TEST_HAPROXY to programs that run here, or prints why there are none

# shellcheck disable=SC2154 # steps.sh sets tools
find_proxies() {
  local folder=$tools/proxies program
  [[ -z ${TEST_NGINX:-} || -z ${TEST_HAPROXY:-} ]] || return 0
  [[ -x $folder/haproxy ]] || unpack_proxies "$folder" >"$tools/proxies.log" 2>&1 || true
  for program in nginx haproxy; do
    if "$folder/$program" -v >/dev/null 2>&1; then
      export "TEST_${program^^}=$folder/$program"
    else
      say "$program: not available, its tests are skipped (.tools/proxies.log)"
    fi
  done
}

# With the libraries that they link and a small Debian lacks.
unpack_proxies() {
  local folder=$1 program
  mkdir -p "$folder"
  unpack_debian "$folder/root" nginx haproxy liblua5.3-0 libopentracing-c-wrapper0 libopentracing1 || return
  for program in nginx haproxy; do
    printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$folder/root/usr/lib/x86_64-linux-gnu" \
      "$folder/root/usr/sbin/$program" >"$folder/$program"
    chmod +x "$folder/$program"
  done
}
