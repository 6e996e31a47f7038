# shellcheck shell=bash
# Waits go on for as long as what they wait for makes progress, and then say which limit struck. What is large
# takes its time: data that load, a replica that syncs, a save that a sync has to wait for.

# begin_wait SECONDS [saves]: begins a wait that stalled ends. A save counts where a replica waits for it, or where it is
# what is waited for.
begin_wait() {
  wait_limit=$1 wait_for=${2:-} wait_until=$((SECONDS + $1)) next_look=$SECONDS moving=''
}

# stalled: whether the wait's seconds have passed without any progress. Looks now and then: a node that is busy may
# leave a question unanswered. What moves, and how far, is told by a number that changes with it.
stalled() {
  local seen
  if ((SECONDS >= next_look)); then
    seen=$(ask_group moves "$members_file" "$secrets_file" "$wait_for") || seen=''
    if [[ $seen =~ ^[0-9a-f]{8}$ && $seen != "$moving" ]]; then moving=$seen wait_until=$((SECONDS + wait_limit)); fi
    next_look=$((SECONDS + 1 + wait_limit / 10))
  fi
  ((SECONDS >= wait_until))
}

# gave_up WHAT: the end of a wait that stalled, in words.
gave_up() {
  ask_group gave-up "$members_file" "$secrets_file" "$wait_for" "$wait_limit" "$1"
}

# A SIGTERM during the first AOF write after a full sync is lost, so it has to be over. Redis ends any other rewrite
# or save by itself when it is stopped: a data set that is always saved and rewritten is none to wait for.
wait_persistence_idle() {
  local busy
  begin_wait "$stall_limit" saves
  while busy=$(unstoppable) && [[ -n $busy ]]; do
    ! stalled || gave_up "the node is still busy: $busy; expected an idle node before its restart"
    sleep 0.1
  done
}

# unstoppable: why this host's node may not be stopped now; nothing when it may.
unstoppable() {
  local info name
  info=$(here INFO persistence) || true
  for name in loading aof_rewrite_scheduled; do
    if [[ $(field "$info" "$name") == 1 ]]; then echo "$name"; fi
  done
  if [[ $(field "$info" aof_rewrite_in_progress) == 1 && -e $(unsaved_aof "$current/redis.conf") ]]; then echo 'its first AOF after a full sync'; fi
}

# Until a replica has written its first AOF after a full sync, what it would start from is older than what it holds.
# Seen without a rewrite once is enough.
wait_replicas_written() {
  local name info
  begin_wait "$stall_limit" saves
  for name in "${node_names[@]}"; do
    [[ $name != "$self" ]] || continue
    until
      info=$(ask "${node_address[$name]}" "${node_port[$name]}" INFO persistence) || true
      [[ $(field "$info" aof_rewrite_in_progress)$(field "$info" aof_rewrite_scheduled) == 00 ]]
    do
      ! stalled || gave_up "the node on $name writes its AOF; expected it written before it may become the master"
      sleep 0.1
    done
  done
}

# Until this host's node serves and, as a replica, is linked; false when nothing moves.
wait_linked() {
  local info
  begin_wait "$stall_limit"
  while :; do
    info=$(here INFO) || true
    if [[ $(field "$info" loading) == 0 ]]; then
      if [[ $(field "$info" role) == master ]]; then return; fi
      if [[ $(field "$info" master_link_status) == up && $(field "$info" master_sync_in_progress) == 0 ]]; then return; fi
    fi
    if stalled; then return 1; fi
    sleep 0.1
  done
}
