# The second half of an installation: settings, database, Postfix. Sourced by install and by what the
# Debian package runs: they set $program, $template and, when nothing was chosen in the settings yet,
# $is_new.
# shellcheck shell=bash disable=SC2154

# shellcheck source=script/installation.bash
source "$(dirname "${BASH_SOURCE[0]}")/installation.bash"

wants_mariadb='' observes='' limits='' is_new=''
left_out=() # what the admin has to know at the end
problems=0

fail_usage() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 2
}

# The value of --limits.
take_limits() {
  [[ $1 =~ ^(mailbox|domain|server)=([0-9]{1,15}|unlimited)(,(mailbox|domain|server)=([0-9]{1,15}|unlimited))*$ ]] ||
    fail_usage "--limits needs numbers, such as mailbox=100,server=999"
  limits=$1
}

look_at_postfix() {
  local found
  [[ $(id_of group postfix) ]] ||
    fail "there is no group postfix: install Postfix first (apt-get install postfix)"
  if [[ ! $root ]] && has postconf; then
    found=$(postconf -d -h config_directory)/main.cf
    [[ -e $found ]] || fail "Postfix is installed, but there is no $found: let" \
      "'dpkg-reconfigure postfix' write it ('Internet Site' fits most servers), then run this again"
  fi
  if [[ ! $root && $is_new ]] && has postconf; then
    found=$(postconf -h queue_directory) ||
      fail "Postfix can't read its configuration: mend it as postconf says above, then run this again"
    [[ $found == "$queue" ]] ||
      fail "Postfix's queue_directory is $found, not $queue: make a socket directory in it as" \
        "systemd/sendlimit.tmpfiles does, name the socket in $config, and run this again"
  fi
}

look_at_store() {
  [[ $wants_mariadb && ! $root ]] || return 0
  local socket=${admin_url##*unix_socket=}
  [[ -S $socket ]] || fail "--mariadb: no MariaDB listens on $socket: start it first"
  if [[ ! $is_new ]] && ! names_mariadb; then
    fail "--mariadb: $config is there and names another database: change store.url in it first"
  fi
}

names_mariadb() {
  grep -Eqs '^ *url *= *"(mariadb|mysql):' "$config"
}

make_settings_folder() {
  local group
  group=$(id_of group sendlimit)
  if [[ ! -d $root$settings ]]; then
    act "make $settings (root:sendlimit, 0750)" install -d -m 0750 -g "$group" "$root$settings"
  fi
  # systemd hands it to the daemon (LoadCredential): it must be there, if only empty.
  if [[ ! -e $root$password ]]; then
    act "make $password (root:sendlimit, 0640)" \
      install -m 0640 -g "$group" /dev/null "$root$password"
  fi
}

# Write down what was chosen; what an admin has written stays.
choose_settings() {
  if [[ ! $is_new ]]; then
    say "keep $config${observes:+, also its mode}${limits:+, also its limits}"
    return
  fi
  if [[ $wants_mariadb ]]; then
    act "name MariaDB in $config" name_mariadb
  fi
  choose_limits
}

# Whether this Postfix has mail in its queue or its log: then its users are used to no limit.
has_had_mail() {
  local -a folders=("$root$queue"/{maildrop,incoming,active,deferred,hold})
  local mark=': from=<'
  [[ ! $(find "${folders[@]}" -type f -print -quit 2>/dev/null) ]] || return 0
  grep -qs "postfix.*$mark" "$root"/var/log/mail.log "$root"/var/log/mail.log.1 && return 0
  systemd_runs && [[ $(journalctl --quiet --output=cat --identifier=postfix/qmgr --lines=1000 |
    grep -c "$mark") != 0 ]]
}

# A number that nobody chose refuses no mail on a server that is in use.
choose_limits() {
  local name key chosen=''
  if [[ ! $observes && ! $limits ]] && has_had_mail; then
    observes=yes
    say "this Postfix has had mail: mode = \"observe\" refuses none of it (--limits chooses limits)"
  fi
  if [[ $observes ]]; then
    act 'set mode = "observe"' sed -i 's/^mode = .*/mode = "observe"/' "$root$config"
  fi
  [[ $limits ]] || return 0
  # All that the file begins with goes, so that only what was chosen is a limit.
  for name in server:global domain:domain mailbox:mailbox; do
    key=${name#*:}.messages_per_day
    chosen+=$(sed -n "s/.*\b${name%:*}=\([0-9a-z]*\).*/$key = \1/p" <<<"$limits")$'\n'
  done
  chosen=$(sed 's/= unlimited$/= "unlimited"/; /^$/d' <<<"$chosen")
  act "set limits: ${chosen//$'\n'/, }" set_limits "$chosen"
}

set_limits() {
  [[ $observes ]] || sed -i 's/^mode = .*/mode = "enforce"/' "$root$config"
  sed -i -E 's/^((global|domain|mailbox)\.messages_per_day = )/# \1/' "$root$config"
  awk -v chosen="$1" '{ print } /^\[limits\]/ { print chosen }' "$root$config" >"$root$config.new"
  cat "$root$config.new" >"$root$config"
  rm "$root$config.new"
}

name_mariadb() {
  local url="mariadb://sendlimit@localhost/sendlimit?unix_socket=${admin_url##*unix_socket=}"
  sed -i -e "s|^url = .*|url = \"$url\"|" -e "s|^# \(password_file = \"$password\"\)|\1|" \
    "$root$config"
  grep -q "^password_file = \"$password\"" "$root$config" || fail "etc/sendlimit.toml is not as expected"
}

make_password() {
  [[ -s $root$password ]] || head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$root$password"
}

make_tables() {
  local options=()
  if [[ $wants_mariadb ]]; then
    options=(--admin-url "$admin_url")
  elif "$program" db status >/dev/null 2>&1; then
    say "the tables are as this release needs them"
    return
  fi
  "$program" db init "${options[@]}" || fail "there are no tables yet: see above; then run this again"
}

attach() {
  if ! "$program" postfix attach --yes; then
    problem "Postfix is not attached: see above; then run 'sendlimit postfix attach'"
  fi
}

problem() {
  problems=$((problems + 1))
  left_out+=("$*")
}

# The last thing that is said.
say_what_is_in_force() {
  local status found since='from now on'
  status=$("$program" status 2>/dev/null || true)
  found=$(sed -n 's/^mode: *//p' <<<"$status")
  [[ $found ]] || return 0
  if grep -q '^attached: *to no service' <<<"$status"; then
    since='once Postfix is attached'
  fi
  say "" "In force $since: $found"
  if [[ $found == observe:* ]]; then
    say "'sendlimit suggest' proposes limits from what is counted; mode = \"enforce\" lets them hold."
  fi
}

# What it finds is for the admin to judge; before all is done it would find only that.
examine() {
  ((${#left_out[@]} == 0)) || return 0
  if "$program" doctor --help >/dev/null 2>&1; then
    say "" "What 'sendlimit doctor' finds:"
    "$program" doctor || true
  fi
}
