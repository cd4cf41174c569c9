# shellcheck shell=bash
# Sourced, after debian.sh: gVisor's runsc for scripts/test-gvisor, from Debian's package, unpacked into .tools and not
# installed. It is the one of the backports: Debian 12's own is of 2022, and later builds of Debian panic at their start.
#
#   find_runsc   sets TEST_RUNSC to a program that runs here, or prints why there is none

# shellcheck disable=SC2154 # steps.sh sets tools
find_runsc() {
  [[ -z ${TEST_RUNSC:-} ]] || return 0
  if command -v runsc >/dev/null; then
    TEST_RUNSC=$(command -v runsc)
  else
    [[ -x $tools/runsc/usr/bin/runsc ]] ||
      unpack_debian "$tools/runsc" "runsc/$(. /etc/os-release && echo "$VERSION_CODENAME")-backports" \
        >"$tools/runsc.log" 2>&1 || true
    TEST_RUNSC=$tools/runsc/usr/bin/runsc
  fi
  if "$TEST_RUNSC" --version >/dev/null 2>&1; then
    export TEST_RUNSC
  else
    say 'runsc: not available (.tools/runsc.log)'
    unset TEST_RUNSC
  fi
}
