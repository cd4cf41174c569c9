# Shared by setup, demo and test: short progress lines, and one clear line for a failure.
# Sourced after `top` is set to the root of the checkout.

tools="$top/.tools"
export PATH="$tools/node_modules/.bin:$PATH"
export TURBO_TELEMETRY_DISABLED=1 DO_NOT_TRACK=1

say() { printf '== %s\n' "$*"; }

die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# quietly WHAT COMMAND...: shows the end of the output only if the command fails.
quietly() {
  local what=$1 log
  shift
  mkdir -p "$tools"
  log=$(mktemp "$tools/log.XXXXXX")
  if ! "$@" >"$log" 2>&1 </dev/null; then
    tail -n 25 "$log" >&2
    rm -f "$log"
    die "$what failed; its last lines stand above"
  fi
  rm -f "$log"
}
