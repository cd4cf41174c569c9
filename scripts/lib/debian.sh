# shellcheck shell=bash
# Sourced: programs of Debian's packages, unpacked into a folder and not installed. This machine's sources need not list
# the backports.
#
#   unpack_debian FOLDER PACKAGE...   from this Debian's main and backports, without what the packages depend on
#   make_debian_root SUITE FOLDER PACKAGE...
#                                     a whole file system: the packages of a suite and all that they depend on
#   find_root                         sets TEST_ROOT to such a one of Debian 13 with CPython, PyPy and NumPy in .tools, else
#                                     says that it is not there
#   find_program VARIABLE PROGRAM FOLDER PACKAGE...
#                                     sets VARIABLE to this machine's PROGRAM, else to that of the packages, unpacked into
#                                     .tools/FOLDER; says so where neither runs. A VARIABLE that is set stays

# Sets `apt` to the options of an apt-get with lists, sources and archives of its own in $work, which the caller removes:
# apt of this machine stays as it is. CODENAME is this Debian's: the sites are those of its sources.
own_apt() {
  local codename site keyring=/usr/share/keyrings/debian-archive-keyring.gpg suite
  mkdir -p "$work/lists/partial" "$work/archives/partial"
  codename=$(. /etc/os-release && echo "$VERSION_CODENAME")
  # shellcheck disable=SC2016 # apt-get replaces the name
  site=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Label: Debian' "Codename: $codename" | head -n 1)
  [[ -n $site ]] || { echo 'this is not a Debian with its own sources'; return 1; }
  for suite in "$@"; do
    [[ $suite != own ]] || suite=$codename
    echo "deb [signed-by=$keyring] $site ${suite/#own-/$codename-} main"
  done >"$work/sources"
  apt=(-o "Dir::Etc::sourcelist=$work/sources" -o Dir::Etc::sourceparts=/dev/null
    -o "Dir::State::lists=$work/lists" -o "Dir::Cache=$work" -o "Dir::Cache::archives=$work/archives" -o APT::Sandbox::User=root)
  apt-get "${apt[@]}" update
}

# In a subshell, for the trap.
unpack_debian() (
  set -e
  folder=$1
  shift
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  own_apt own own-backports
  cd "$work"
  apt-get "${apt[@]}" download "$@"
  for package in *.deb; do dpkg-deb --extract "$package" "$folder"; done
)

make_debian_root() (
  set -e
  suite=$1 folder=$2
  shift 2
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  own_apt "$suite"
  : >"$work/status"
  apt+=(-o "Dir::State::status=$work/status" -o Debug::NoLocking=1 -o APT::Install-Recommends=false)
  apt-get "${apt[@]}" install --yes --download-only base-files libc-bin "$@"
  for package in "$work"/archives/*.deb; do dpkg-deb --extract "$package" "$folder"; done
  # No script of a package has run, so what update-alternatives would link is linked here: BLAS and LAPACK.
  for library in "$folder"/usr/lib/x86_64-linux-gnu/{blas,lapack}/lib*.so.3; do
    [[ ! -e $library ]] || ln -sf "${library#"$folder/usr/lib/x86_64-linux-gnu/"}" "$folder/usr/lib/x86_64-linux-gnu/"
  done
)

# shellcheck disable=SC2154 # steps.sh sets tools
find_root() {
  [[ -z ${TEST_ROOT:-} ]] || return 0
  local root=$tools/root-trixie
  if [[ ! -e $root.whole ]]; then
    rm -rf "$root"
    if make_debian_root trixie "$root" python3 pypy3 python3-numpy >"$root.log" 2>&1; then touch "$root.whole"; fi
  fi
  if [[ -e $root.whole ]]; then
    export TEST_ROOT=$root
  else
    say 'a root of Debian 13: not available, what needs it is skipped (.tools/root-trixie.log)'
  fi
}

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
