# shellcheck shell=bash
# Sourced, after debian.sh: Prometheus' promtool for the tests of the alert rules, from Debian's package, unpacked into
# .tools and not installed.
#
#   find_promtool   sets TEST_PROMTOOL to a program that runs here, or prints why there is none

# shellcheck disable=SC2154 # steps.sh sets tools
find_promtool() {
  [[ -z ${TEST_PROMTOOL:-} ]] || return 0
  if command -v promtool >/dev/null; then
    TEST_PROMTOOL=$(command -v promtool)
  else
    [[ -x $tools/prometheus/usr/bin/promtool ]] ||
      unpack_debian "$tools/prometheus" prometheus >"$tools/promtool.log" 2>&1 || true
    TEST_PROMTOOL=$tools/prometheus/usr/bin/promtool
  fi
  if "$TEST_PROMTOOL" --version >/dev/null 2>&1; then
    export TEST_PROMTOOL
  else
    say 'promtool: not available, its tests are skipped (.tools/promtool.log)'
    unset TEST_PROMTOOL
  fi
}
