# Build this release in a folder of its own: below /opt/sendlimit, or for a Debian package. Sourced by
# install and deploy/debian/bundle, which set $python, $new and, for install, $wants_web, and stand in
# the release's folder.
# shellcheck shell=bash disable=SC2154

# The distribution's Python, which gets its security updates from apt.
find_python() {
  local python
  python=$(first_python /usr/bin/python3 /usr/bin/python3.1[1-9])
  if [[ $python ]]; then
    say "$python"
  elif [[ ! -x /usr/bin/python3 ]]; then
    say /usr/bin/python3 # comes with the packages
  fi
}

install_packages() {
  local name=${python##*/} missing
  has dpkg-query || fail "this is neither Debian nor Ubuntu: there is no dpkg"
  mapfile -t missing < <(missing_packages gcc libc6-dev libmilter-dev "$name" "$name-dev" "$name-venv")
  ((${#missing[@]} > 0)) || return 0
  act "install Debian packages: ${missing[*]}" run_apt "${missing[@]}"
}

# Name of this release: its version and a digest of all that its behaviour comes from.
release_name() {
  local version digest
  version=$(sed -n 's/^__version__ = "\(.*\)"$/\1/p' milter/sendlimit/__init__.py)
  digest=$({
    "$python" --version || true
    say "web: ${wants_web:-no}"
    find milter sql pyproject.toml requirements-*.lock -type f ! -name '*.pyc' -print0 |
      LC_ALL=C sort -z | xargs -0 sha256sum
  } | sha256sum)
  say "$version-${digest:0:12}"
}

# What builds: make_tools WORK makes WORK/tools.
make_tools() {
  quietly "$python" -m venv "$1/tools"
  quietly "$1/tools/bin/pip" --disable-pip-version-check install --require-hashes \
    --requirement requirements-build.lock
}

# This release and what a lock file names, and nothing else: make_wheels WORK LOCK FOLDER
make_wheels() {
  local pip=("$1/tools/bin/pip" --disable-pip-version-check wheel --no-deps --no-build-isolation)
  quietly "${pip[@]}" --require-hashes --wheel-dir "$3" --requirement "$2"
  quietly "${pip[@]}" --wheel-dir "$3" .
}

# Install wheels in $new: compilers and build tools do not get into it. make_environment WORK FOLDER
make_environment() {
  quietly "$python" -m venv --clear --without-pip "$new"
  PYTHONPATH=$(echo "$1"/tools/lib/python3*/site-packages) quietly "$new/bin/python" -m pip \
    --disable-pip-version-check install --no-index --no-deps --ignore-installed "$2"/*.whl
  quietly "$new/bin/python" -c 'import Milter, sendlimit'
}

# Build everything first, then install what was built.
build() {
  local work=$1 lock=requirements-run.lock
  if [[ $wants_web ]]; then
    lock=requirements-web.lock
  fi
  make_tools "$work"
  make_wheels "$work" $lock "$work/wheels"
  make_environment "$work" "$work/wheels"
  touch "$new/complete"
}

build_release() {
  local work=$root$folder/building
  rm -rf "$work"
  mkdir "$work"
  # In a subshell, so that `fail` in it does not keep us from tidying up.
  if ! (build "$work"); then
    rm -rf "$work" "$new"
    fail "nothing was installed or changed"
  fi
  rm -rf "$work"
}

remove_old_releases() {
  local old
  for old in "$root$folder"/[0-9]*; do
    [[ $old -ef $root$current ]] || rm -rf "$old"
  done
}
