# sendlimit's pages in an ISPConfig panel on this host: what script/install does for them. Sourced.
# shellcheck shell=bash disable=SC2154

wants_panel=yes # --no-ispconfig

panel_is_there() {
  [[ -e $root/usr/local/ispconfig/interface/lib/config.inc.php ]]
}

# Let the panel's user ask; only where no admin has written settings yet.
open_to_panel() {
  cat >>"$root$config" <<'TOML'

# The pages in the ISPConfig panel.
[web]
admin_socket = "/run/sendlimit-web/panel.sock"
admin_socket_owner = "ispconfig"
TOML
}

# The extension stays beside the programs, for a panel that comes later, and for its removal.
copy_extension() {
  rm -rf "$root$folder/ispconfig"
  cp -r ispconfig "$root$folder/ispconfig"
}

install_extension() {
  "$root$folder/ispconfig/install" install ${root:+--root "$root"} ||
    problem "the panel has no pages of sendlimit: see above; then run '$folder/ispconfig/install install'"
}
