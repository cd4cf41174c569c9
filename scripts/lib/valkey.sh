# shellcheck shell=bash
# Sourced, after debian.sh: a valkey-server for the tests, from Debian's packages, unpacked into .tools and not installed.
# Debian 12 has it among its backports.
#
#   find_valkey   sets TEST_VALKEY to a program that runs here, or prints why there is none

find_valkey() { find_program TEST_VALKEY valkey-server valkey valkey-server valkey-tools; }
