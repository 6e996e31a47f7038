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

# unstoppable: why this host's node may not be stopped now; nothing when it may.
unstoppable() {
  local info name
  info=$(here INFO persistence) || true
  for name in loading aof_rewrite_scheduled; do
    if [[ $(field "$info" "$name") == 1 ]]; then echo "$name"; fi
  done
  if [[ $(field "$info" aof_rewrite_in_progress) == 1 && -e $(unsaved_aof "$current/redis.conf") ]]; then echo 'its first AOF after a full sync'; fi
}
