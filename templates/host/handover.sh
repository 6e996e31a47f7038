# shellcheck shell=bash
# Hands the mastership over without losing an acknowledged write: writes pause, the replicas catch up,
# Sentinel fails over, and this node follows the new master before its clients may write again.

# The pause ends by itself after this many milliseconds, whatever becomes of this script, which renews it
# while it waits.
pause_length=5000
# Replicas that come no nearer for this many seconds under the pause are not waited for any longer.
catch_up_stall=2
# How long a sentinel may take to name another master, in seconds; it took 1.1 s when measured. In a shutdown of
# all hosts it may be gone before it has.
switch_limit=20

# For the node of this host, which is the master of a group that passed the gate.
handover() {
  local reply
  at_end=resume_writes
  reply=$(pause_writes) || die "CLIENT PAUSE was refused: $reply; nothing was changed"
  wait_caught_up || die "$laggard did not catch up under a write pause: within $pause_limit s, which is redis-cluster:limits.pause, or not at all for $catch_up_stall s. The pause was lifted and nothing was changed; run pulumi up again when fewer writes come in, or raise that limit"
  fail_over || die "Sentinel did not fail over: $failover_reply; the pause was lifted and this node is still the master; run 'redis-cluster gate', then pulumi up again"
  at_end=''
  follow "$new_address" "$new_port"
  resume_writes || true
  say "handed over to $new_address:$new_port"
}

pause_writes() {
  here CLIENT PAUSE "$pause_length" WRITE
}

resume_writes() {
  here CLIENT UNPAUSE >/dev/null
}

# Until every replica that is linked has all that was written before the pause; sets laggard to one that has not. Their
# own offsets are asked for: what the master knows of them is up to a second old.
wait_caught_up() {
  local info written name at=-1 sum seen ends=$((SECONDS + pause_limit)) deadline=$((SECONDS + catch_up_stall))
  info=$(here INFO replication) || true
  written=$(offset "$info" master_repl_offset)
  laggard="the replicas, of which this node tells nothing,"
  [[ -n $written && $info == *state=online* ]] || return 1
  while :; do
    laggard='' sum=0
    for name in "${node_names[@]}"; do
      # Before each, since one that is silent takes its time.
      pause_writes >/dev/null || return 1
      [[ $info == *"ip=${node_address[$name]},port=${node_port[$name]},state=online,"* ]] || continue
      seen=$(offset_of "$name" slave_repl_offset)
      if ((${seen:-0} < written)); then laggard="the node on $name"; fi
      sum=$((sum + ${seen:-0}))
    done
    if [[ -z $laggard ]]; then return 0; fi
    if ((sum > at)); then at=$sum deadline=$((SECONDS + catch_up_stall)); fi
    ((SECONDS < deadline && SECONDS < ends)) || return 1
    sleep 0.05
  done
}

# Asks the sentinels in turn, this host's last: it may be about to stop. Sets new_address and new_port,
# or failover_reply to what stood in the way.
fail_over() {
  local name deadline named others=()
  for name in "${sentinel_names[@]}"; do [[ $name == "$self" ]] || others+=("$name"); done
  failover_reply='no sentinel answered'
  for name in "${others[@]}" ${sentinel_address[$self]:+"$self"}; do
    pause_writes >/dev/null || true
    failover_reply=$(ask "${sentinel_address[$name]}" "${sentinel_port[$name]}" SENTINEL FAILOVER "$master_name") || continue
    deadline=$((SECONDS + switch_limit))
    while ((SECONDS < deadline)); do
      pause_writes >/dev/null || true
      named=$(ask "${sentinel_address[$name]}" "${sentinel_port[$name]}" SENTINEL GET-MASTER-ADDR-BY-NAME "$master_name") || true
      new_address=$(sed -n 1p <<<"$named") new_port=$(sed -n 2p <<<"$named")
      if [[ -n $new_port && $new_address:$new_port != "$node_address_here:$node_port_here" ]]; then
        if is_node "$new_address $new_port"; then return 0; fi
        failover_reply="the sentinel on $name names $new_address:$new_port, which is no member"
        return 1
      fi
      sleep 0.1
    done
    failover_reply="the sentinel on $name began a failover that did not end within $switch_limit s"
    return 1
  done
  return 1
}

# Sets only what Sentinel has decided, seconds before Sentinel would. In one transaction, because a client
# that is let in between would be acknowledged writes that nobody keeps.
follow() {
  local reply
  reply=$(printf 'MULTI\nREPLICAOF %s %s\nCONFIG REWRITE\nCLIENT KILL TYPE normal SKIPME yes\nCLIENT KILL TYPE pubsub\nEXEC\n' "$1" "$2" |
    here) || true
  # A refusal shows in no exit status. The pause goes on until it ends by itself.
  [[ $(field "$(here INFO replication)" role) == slave ]] ||
    die "this node did not become a replica of $1:$2: $reply; Sentinel will see to it; run pulumi up again"
}
