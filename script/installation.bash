# Where an installation has its parts, and what its scripts share. Sourced by install and uninstall.
# shellcheck shell=bash disable=SC2034

# shellcheck source=script/debian.bash
source "$(dirname "${BASH_SOURCE[0]}")/debian.bash"

umask 022
unset SENDLIMIT_CONFIG

folder=/opt/sendlimit
current=$folder/current # the release in use: a link to one of the folders beside it
command=/usr/local/bin/sendlimit
settings=/etc/sendlimit
config=$settings/sendlimit.toml
password=$settings/store.password
state=/var/lib/sendlimit
queue=/var/spool/postfix
socket_folder=$queue/sendlimit
admin_url='mariadb://root@localhost?unix_socket=/run/mysqld/mysqld.sock'

units=/usr/local/lib/systemd/system
sysusers=/usr/local/lib/sysusers.d/sendlimit.conf
tmpfiles=/usr/local/lib/tmpfiles.d/sendlimit.conf
manual=/usr/local/share/man
completion=/usr/local/share/bash-completion/completions/sendlimit
unit_names=(
  sendlimit.service sendlimit-purge.service sendlimit-purge.timer
  sendlimit-doctor.service sendlimit-doctor.timer
)
started_units=(sendlimit.service sendlimit-purge.timer sendlimit-doctor.timer)
web_unit=sendlimit-web.service # only with script/install --web

root= # --root: all paths are below it
is_dry_run=

# Say what is done, and do it unless this is a dry run: act WORDS COMMAND...
act() {
  local words=$1
  shift
  if [[ $is_dry_run ]]; then
    say "would $words"
  else
    say "$words"
    "$@"
  fi
}

has() {
  command -v "$1" >/dev/null
}

# Number of a user or group, nothing if there is none: id_of passwd|group NAME
id_of() {
  awk -F: -v name="$2" '$1 == name { print $3 }' "$root/etc/$1" 2>/dev/null || true
}

systemd_runs() {
  [[ ! $root && -d /run/systemd/system ]]
}

# Take the value of an option that needs an existing folder as root of all paths.
take_root() {
  [[ -n ${1:-} && -d $1 ]] || fail "--root needs a folder that exists"
  root=$(cd "$1" && pwd)
  [[ $root != / ]] || root=
}

demand_root_user() {
  [[ $EUID == 0 || $is_dry_run ]] || fail "run it as root (sudo), or with --dry-run"
}
