# shellcheck shell=bash
# Sourced, after debian.sh: Prometheus' promtool for the tests of the alert rules, from Debian's package, unpacked into
# .tools and not installed.
#
#   find_promtool   sets TEST_PROMTOOL to a program that runs here, or prints why there is none

find_promtool() { find_program TEST_PROMTOOL promtool prometheus prometheus; }
