# shellcheck shell=bash
# This host's units: installed as the release has them, started until they serve, and the timer that brings a stopped
# sentinel back.

running() {
  [[ $(systemctl is-active "$1") == active ]]
}

# Installs the release's unit where it differs; a unit that is not the release's is never started.
install_unit() {
  local path file
  own_runtime_directory "$1"
  while read -r path; do rm -f "$path"; done < <(drop_ins "$1")
  file=$(unit_file "$current" "$1")
  if ! cmp -s "$file" "$unit_directory/$1"; then
    install -m 0644 "$file" "$unit_directory/.$1.new"
    mv -f "$unit_directory/.$1.new" "$unit_directory/$1"
  fi
  systemctl daemon-reload
  enable_unit "$1"
}

# unit_file DIR UNIT: the unit of the release in DIR. Where an administrator installed the program, root starts the
# units that came with it, and no others.
unit_file() {
  if [[ -d $programs/units ]]; then printf '%s' "$programs/units/$2"; else printf '%s' "$1/$2"; fi
}

enable_unit() {
  systemctl is-enabled --quiet "$1" || systemctl enable --quiet "$1"
}

# installed_unit UNIT: whether the staged unit, and nothing beside it, is what systemd goes by.
installed_unit() {
  cmp -s "$(unit_file "$staged" "$1")" "$unit_directory/$1" && [[ -z $(drop_ins "$1") ]]
}

# drop_ins UNIT: the files by which somebody changes this unit alone, wherever systemd would look for them, also those
# that it has not read yet.
drop_ins() {
  local directory directories
  read -r -a directories < <(systemctl show -p UnitPath --value) || true
  for directory in "${directories[@]}"; do
    if [[ -d $root$directory/$1.d ]]; then find "$root$directory/$1.d" -name '*.conf'; fi
  done
}

# begin_start UNIT: systemd tries until it has started.
begin_start() {
  install_unit "$1"
  systemctl reset-failed "$1" 2>/dev/null || true
  systemctl start --no-block "$1" 2>/dev/null || true
}

start_unit() {
  local unit=$1 since
  since=$(date +%s)
  begin_start "$unit"
  begin_wait "$stall_limit"
  until running "$unit"; do
    ! stalled ||
      gave_up "$unit is $(systemctl is-active "$unit"); expected active. It said: $(journalctl -u "$unit" --since "@$since" -o cat -n 8 --no-pager | tr '\n' ';')"
    sleep 0.1
  done
}

disarm_return() {
  systemctl stop redis-sentinel-return.timer 2>/dev/null || true
  systemctl reset-failed redis-sentinel-return.service 2>/dev/null || true
}

# By the unit that starts it again: the Ansible role's would take the runtime directory of both daemons along.
stop_sentinel() {
  has_sentinel || return 0
  install_unit redis-sentinel.service
  disarm_return
  systemd-run --quiet --on-active="$sentinel_return" --unit=redis-sentinel-return \
    --timer-property=AccuracySec=1s systemctl start redis-sentinel.service
  systemctl stop redis-sentinel.service
}

# A package upgrade replaces the file that the running daemon was started from.
same_binary() {
  [[ $(readlink "/proc/$(systemctl show -p MainPID --value "$1")/exe") != *' (deleted)' ]]
}
