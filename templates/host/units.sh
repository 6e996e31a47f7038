# shellcheck shell=bash
# This host's units: installed as the release has them, started until they serve, and the timer that brings a stopped
# sentinel back.

# running UNIT: root asks, since there may be no bus for anybody else.
running() {
  [[ $(act state "$(daemon_of "$1")") == active ]]
}

# unit_file DIR UNIT: the unit of the release in DIR. Where an administrator installed the program, root starts the
# units that came with it, and no others.
unit_file() {
  if [[ -d $programs/units ]]; then printf '%s' "$programs/units/$2"; else printf '%s' "$1/$2"; fi
}

# daemon_of UNIT: what root's part calls it.
daemon_of() {
  if [[ $1 == redis-cluster.service ]]; then echo node; else echo sentinel; fi
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

start_unit() {
  local unit=$1 since
  since=$(date +%s)
  act start "$(daemon_of "$unit")"
  begin_wait "$stall_limit"
  until running "$unit"; do
    if stalled; then
      act journal "$(daemon_of "$unit")" "$since"
      gave_up "$unit is $(act state "$(daemon_of "$unit")"); expected active"
    fi
    sleep 0.1
  done
}

stop_sentinel() {
  has_sentinel || return 0
  act stop-sentinel "$sentinel_return"
}
