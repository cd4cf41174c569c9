# shellcheck shell=bash
# Sourced: programs of Debian's packages, unpacked into a folder and not installed. This machine's sources need not list
# the backports.
#
#   unpack_debian FOLDER PACKAGE...   from this Debian's main and backports, without what the packages depend on
#   find_program VARIABLE PROGRAM FOLDER PACKAGE...
#                                     sets VARIABLE to this machine's PROGRAM, else to that of the packages, unpacked into
#                                     .tools/FOLDER; says so where neither runs. A VARIABLE that is set stays

# In a subshell with a set of lists of its own: apt of this machine stays as it is.
unpack_debian() (
  set -e
  folder=$1
  shift
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
  apt-get "${apt[@]}" download "$@"
  for package in *.deb; do dpkg-deb --extract "$package" "$folder"; done
)

# shellcheck disable=SC2154 # steps.sh sets tools
find_program() {
  local variable=$1 program=$2 folder=$tools/$3 found
  [[ -z ${!variable:-} ]] || return 0
  found=$(command -v "$program") || {
    found=$folder/usr/bin/$program
    [[ -x $found ]] || unpack_debian "$folder" "${@:4}" >"$folder.log" 2>&1 || true
  }
  if "$found" --version >/dev/null 2>&1; then
    export "$variable=$found"
  else
    say "$program: not available, what needs it is skipped (.tools/$3.log)"
  fi
}
