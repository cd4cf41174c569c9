# shellcheck shell=bash
# Sourced: a valkey-server for the tests, from Debian's packages, unpacked into .tools and not installed. Debian 12 has
# it among its backports, which need not be among this machine's sources.
#
#   find_valkey   sets TEST_VALKEY to a program that runs here, or prints why there is none

# shellcheck disable=SC2154 # steps.sh sets tools
find_valkey() {
  [[ -z ${TEST_VALKEY:-} ]] || return 0
  if command -v valkey-server >/dev/null; then
    TEST_VALKEY=$(command -v valkey-server)
  else
    [[ -x $tools/valkey/usr/bin/valkey-server ]] || unpack_valkey >"$tools/valkey.log" 2>&1 || true
    TEST_VALKEY=$tools/valkey/usr/bin/valkey-server
  fi
  if "$TEST_VALKEY" --version >/dev/null 2>&1; then
    export TEST_VALKEY
  else
    say 'Valkey: not available, its tests are skipped (.tools/valkey.log)'
    unset TEST_VALKEY
  fi
}

# In a subshell with a set of lists of its own: apt of this machine stays as it is.
unpack_valkey() (
  set -e
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016 # apt-get replaces the name
  site=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' "Codename: $codename" | head -n 1)
  [[ -n $site ]] || { echo 'this is not a Debian with its own sources'; exit 1; }
  keyring=/usr/share/keyrings/debian-archive-keyring.gpg
  printf "deb [signed-by=$keyring] $site %s main\n" "$codename" "$codename-backports" >"$work/sources"
  apt=(-o "Dir::Etc::sourcelist=$work/sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update
  cd "$work"
  apt-get "${apt[@]}" download valkey-server valkey-tools
  for package in *.deb; do dpkg-deb --extract "$package" "$tools/valkey"; done
)
