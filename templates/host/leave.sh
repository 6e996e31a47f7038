# shellcheck shell=bash
# What comes before a stop of the node; ExecStop of redis-cluster.service, as user redis.

# verb leave: a master that is stopped on purpose hands over first. What Redis has to write before it ends is waited
# for, beyond TimeoutStopSec, for as long as it gets on.
verb_leave() {
  refuse_root
  load_release
  "${as_redis[@]}" "${python_part[@]}" leave "$release/members" "$release/secrets" "$etc" || true
  finish_first_aof
  finish_last_save
}

finish_first_aof() {
  local busy
  begin_wait "$stall_limit" saves
  while busy=$(unstoppable) && [[ -n $busy ]]; do
    if stalled; then
      say "is stopped although it is still busy: $busy; nothing moved for $stall_limit s, redis-cluster:limits.stall"
      return
    fi
    ask_for_time
    sleep 0.5
  done
}

# Redis serves nobody meanwhile, and what systemd kills half-way is of no use.
finish_last_save() {
  local size='' before deadline=$((SECONDS + stall_limit))
  saves_at_stop && [[ ${MAINPID:-} =~ ^[1-9][0-9]*$ ]] || return 0
  kill -TERM "$MAINPID" 2>/dev/null || return 0
  while kill -0 "$MAINPID" 2>/dev/null; do
    before=$size
    size=$(stat -c %s "$data/temp-$MAINPID.rdb" 2>/dev/null || true)
    if [[ $size != "$before" ]]; then deadline=$((SECONDS + stall_limit)); fi
    if ((SECONDS >= deadline)); then
      say "the last save before the stop has not moved for $stall_limit s, redis-cluster:limits.stall, and is ended"
      return
    fi
    ask_for_time
    sleep 0.5
  done
}

saves_at_stop() {
  local flags
  flags=$(here CONFIG GET shutdown-on-sigterm | sed -n 2p)
  case " $flags " in
    *' nosave '*) return 1 ;;
    *' save '*) return 0 ;;
    *) [[ -n $(here CONFIG GET save | sed -n 2p) ]] ;;
  esac
}

# Of systemd, which else goes by TimeoutStopSec.
ask_for_time() {
  if [[ -n ${NOTIFY_SOCKET:-} ]]; then systemd-notify "EXTEND_TIMEOUT_USEC=$((stall_limit * 1000000))" || true; fi
}
