# shellcheck shell=bash
# Sourced, after debian.sh: gVisor's runsc for scripts/test-gvisor, from Debian's package, unpacked into .tools and not
# installed. It is the one of the backports: Debian 12's own is of 2022, and later builds of Debian panic at their start.
#
#   find_runsc   sets TEST_RUNSC to a program that runs here, or prints why there is none

find_runsc() {
  find_program TEST_RUNSC runsc runsc "runsc/$(. /etc/os-release && echo "$VERSION_CODENAME")-backports"
}
