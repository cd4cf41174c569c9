# shellcheck shell=bash
# Sourced: programs of Debian's packages, unpacked into a folder and not installed. This machine's sources need not list
# the backports.
#
#   unpack_debian FOLDER PACKAGE...   from this Debian's main and backports, without what the packages depend on

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
