# shellcheck shell=bash
# This host's units: what they are, and started until they serve.

# running UNIT: root asks, since there may be no bus for anybody else.
running() {
  [[ $(act state "$(daemon_of "$1")") == active ]]
}

# daemon_of UNIT: what root's part calls it.
daemon_of() {
  if [[ $1 == redis-cluster.service ]]; then echo node; else echo sentinel; fi
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
