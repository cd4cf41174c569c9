# shellcheck shell=bash
# Sourced, after debian.sh: a valkey-server for the tests, from Debian's packages, unpacked into .tools and not installed.
# Debian 12 has it among its backports.
#
#   find_valkey   sets TEST_VALKEY to a program that runs here, or prints why there is none

# shellcheck disable=SC2154 # steps.sh sets tools
find_valkey() {
  [[ -z ${TEST_VALKEY:-} ]] || return 0
  if command -v valkey-server >/dev/null; then
    TEST_VALKEY=$(command -v valkey-server)
  else
    [[ -x $tools/valkey/usr/bin/valkey-server ]] ||
      unpack_debian "$tools/valkey" valkey-server valkey-tools >"$tools/valkey.log" 2>&1 || true
    TEST_VALKEY=$tools/valkey/usr/bin/valkey-server
  fi
  if "$TEST_VALKEY" --version >/dev/null 2>&1; then
    export TEST_VALKEY
  else
    say 'Valkey: not available, its tests are skipped (.tools/valkey.log)'
    unset TEST_VALKEY
  fi
}
