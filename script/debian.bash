# What all scripts say and do on Debian: output, errors, packages, Python. Sourced.
# shellcheck shell=bash

say() {
  printf '%s\n' "$@"
}

fail() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Show what a command prints only when it fails.
quietly() {
  local output
  if ! output=$("$@" 2>&1); then
    printf '%s\n' "$output" >&2
    fail "this failed: $*"
  fi
}

# Those of these packages that are not installed, one a line.
missing_packages() {
  local installed
  installed=$(dpkg-query --show --showformat='${db:Status-Status} ${Package}\n' "$@" 2>/dev/null |
    sed -n 's/^installed //p' || true)
  comm -23 <(printf '%s\n' "$@" | sort -u) <(sort -u <<<"$installed")
}

run_apt() {
  local apt=(apt-get -qq -o DPkg::Lock::Timeout=300)
  export DEBIAN_FRONTEND=noninteractive
  quietly "${apt[@]}" update
  quietly "${apt[@]}" install --yes --no-install-recommends "$@"
}

# The first of these programs that is a Python new enough; nothing if there is none.
first_python() {
  local python
  for python in "$@"; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$python"
      return
    fi
  done
}
