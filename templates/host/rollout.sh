# shellcheck shell=bash
# The steps of a rollout on this host. Each compares what runs with what is staged, does what is
# owed and nothing else, and prints one line of what that was, with a fresh id, on which the next step runs.

take_lock() {
  exec 9>"$root/run/redis-cluster.lock"
  flock -w 120 9 || die "another run has held $root/run/redis-cluster.lock for two minutes; wait for it, then run pulumi up again"
}

# read_input: what a step is told on stdin. Hosts have said part of it, so every line has to be of one of these forms,
# and whole. Sets step_plan, step_override and step_bootstrap.
read_input() {
  local line input
  step_plan='' step_override='' step_bootstrap=''
  # All of it: a provider that still has something to send takes an early end for a failure.
  input=$(cat)
  while IFS= read -r line; do
    if [[ $line =~ ^#\ plan\ ([0-9a-f]{16})$ && -z $step_plan ]]; then
      step_plan=${BASH_REMATCH[1]}
    elif [[ $line =~ ^#\ override\ ([0-9a-f]{16})$ && -z $step_override ]]; then
      step_override=${BASH_REMATCH[1]}
    elif [[ $line =~ ^bootstrap\ ([A-Za-z0-9._-]{1,64})$ && -z $step_bootstrap ]]; then
      step_bootstrap=${BASH_REMATCH[1]}
    elif [[ ! $line =~ ^(#\ after\ [0-9a-f-]{8,36})?$ ]]; then
      die "this step was told '$(printf '%.80s' "$line")'; expected ids, a bootstrap master, a plan and an override, each a line of its own. Run pulumi up again with the program that is installed here. Nothing was changed"
    fi
  done <<<"$input"
}

begin_step() {
  read_input
  work=''
  take_lock
  refuse_planted
  load_members "$staged/members"
  secrets_file=$staged/secrets
  operator_password=$(secret "$secrets_file" operator)
  refuse_changed_names
  refuse_tls_leap
  refuse_other_authority
  mend_release
  refuse_lost_passwords
  refuse_changed_creation
}

# did TEXT: notes what this step has done.
did() {
  work+="${work:+; }$*"
}

# The step's last word is what the run's output shows of it.
end_step() {
  printf '%s [%s]\n' "${work:-nothing owed}" "$(fresh_id | cut -c 1-8)" | printable
}

# verb node-start: brings up the node if it is down, and takes back what was set in it by hand.
verb_node_start() {
  begin_step
  mark_bootstrap
  rm -f "$data/retired-master"
  renew_ended
  if [[ -e $current/secrets ]]; then
    operator_password=$(operator_login)
    refuse_clients_left
    accept_passwords
    operator_password=$(secret "$staged/secrets" operator)
    prepare_tls_change
  fi
  if role_deployed; then
    admit_users
    did "the Ansible role's daemons know this program's users"
  fi
  # Sentinels wait for no node, but a node that was lost with its machine waits for their word.
  if [[ -e $initialised ]] && has_sentinel && ! running redis-sentinel.service; then
    systemctl start --no-block redis-sentinel.service 2>/dev/null || true
  fi
  if ! running redis-cluster.service; then
    make_release
    switch_release
    if [[ $renewed ]] || sentinel_ended; then
      begin_start redis-cluster.service
      did 'starts when the sentinels have theirs'
    else
      start_unit redis-cluster.service
      # Linked replicas are what the first sentinels should see; a large first sync goes on by itself.
      wait_linked || true
      did "started as $(role_here)"
    fi
  else
    enable_unit redis-cluster.service
    [[ -n $(marks "$own_mark") ]] || "${as_redis[@]}" "$BASH" "${BASH_SOURCE[0]}" mark-data 9>&-
    apply_firewall
    ensure_stamping
    repair_node
  fi
  end_step
}

# verb sentinel-start: brings up the sentinel if it is down, on the release that the node runs, and takes back
# what was set in it by hand.
verb_sentinel_start() {
  begin_step
  if role_deployed; then
    use_logins
    did "the Ansible role's daemons log in as this program's users"
  fi
  if owes_move_to_tls; then
    move_to_tls
  elif ! running redis-sentinel.service; then
    # The release that the node runs is from before this host had a sentinel.
    if [[ ! -e $current/redis-sentinel.service ]]; then enter_rollout; fi
    start_unit redis-sentinel.service
    did started
  elif sentinel_ended; then
    stop_sentinel
    start_unit redis-sentinel.service
    did 'restarted with the new certificate'
  else
    enable_unit redis-sentinel.service
    repair_sentinel
  fi
  # One that waited for sentinels to have new certificates.
  if ! running redis-cluster.service; then start_unit redis-cluster.service; fi
  disarm_return
  end_step
}

# verb sentinel-stop: the first step of a restart on this host. All that can refuse is done before.
verb_sentinel_stop() {
  begin_step
  if role_deployed; then ask_group follow-by-address "$members_file" "$secrets_file"; fi
  mend_sentinels
  if restart_owed && ! let_be_with_master; then
    enter_rollout
    stop_sentinel
    did stopped
  fi
  end_step
}

# verb node-roll: the node takes what is staged. A master that must restart is left for node-roll-master.
verb_node_roll() {
  begin_step
  find_owed
  case $node_owed in
    live)
      make_release
      apply_node_live
      adopt_release node
      ;;
    restart)
      if is_master; then
        did "let be: the master, whose turn is last"
      else
        # A sentinel that runs tells that no sentinel-stop came before in this run, and so no gate.
        if ! has_sentinel || running redis-sentinel.service; then enter_rollout; fi
        restart_node
      fi
      ;;
  esac
  if ! has_sentinel && turn_not_over "$node_owed"; then end_turn; fi
  end_step
}

# verb sentinel-roll: brings the sentinel to what is staged, running.
verb_sentinel_roll() {
  local let_be=''
  begin_step
  find_owed
  if ! running redis-sentinel.service; then
    start_unit redis-sentinel.service
    did started
  elif let_be_with_master; then
    let_be=yes
  elif [[ $sentinel_owed == live ]]; then
    make_release
    apply_sentinel_live
    adopt_release sentinel
  elif [[ $sentinel_owed == restart ]]; then
    enter_rollout
    stop_sentinel
    start_unit redis-sentinel.service
    did restarted
  fi
  disarm_return
  if [[ ! $let_be ]] && turn_not_over "$sentinel_owed"; then end_turn; fi
  end_step
}

# let_be_with_master: whether the sentinel has to wait for its host's node, the master; notes that it does.
let_be_with_master() {
  [[ $node_owed == restart ]] && is_master || return 1
  did "let be, with the master: its turn is last"
}

# verb node-roll-master: what was left because this node was the master in its turn.
verb_node_roll_master() {
  begin_step
  find_owed
  if [[ $node_owed == restart ]]; then
    enter_rollout
    if is_master; then
      wait_replicas_written
      hand_over
      did "handed over to $handed_to"
    fi
    stop_sentinel
    restart_node
    if has_sentinel; then start_unit redis-sentinel.service; fi
    disarm_return
    end_turn
  fi
  end_step
}

# --- doing it ---------------------------------------------------------------------------------

# Nothing that runs is stopped before the new release is accepted and the group is whole.
enter_rollout() {
  refuse_full_disk
  if running redis-cluster.service; then refuse_too_full_for_sync; fi
  make_release
  start_what_is_down
  if running redis-cluster.service; then refuse_evicting_maxmemory; fi
  if running redis-cluster.service || running redis-sentinel.service; then gate; fi
  switch_release
}

# What an interrupted run has left down on this host would keep the gate red.
start_what_is_down() {
  if ! running redis-cluster.service; then start_unit redis-cluster.service; fi
  if has_sentinel && [[ -e $current/redis-sentinel.service ]] && ! running redis-sentinel.service; then
    start_unit redis-sentinel.service
  fi
}

is_master() {
  local role
  role=$(field "$(here INFO replication)" role)
  if [[ -z $role ]] && running redis-cluster.service; then
    die "the node runs but does not tell its role; expected an answer within $ask_timeout s. Look at it with 'redis-cluster gate', then run pulumi up again"
  fi
  [[ $role == master ]]
}

# hand_over: makes another node the master in the place of this host's, and sets handed_to to its ADDRESS:PORT.
hand_over() {
  local verdict address port status=0
  exec {verdict}< <(exec "${as_redis[@]}" "${python_part[@]}" handover "$members_file" "$secrets_file" "$etc" 9>&-)
  handing_over=$! at_end=end_handover
  wait "$handing_over" || status=$?
  at_end=''
  if ((status == explained)); then exit "$explained"; fi
  ((status == 0)) || return "$status"
  read -r address port <&"$verdict"
  is_node "$address $port" || die "the handover ended at a node that is no member; run 'redis-cluster gate', then pulumi up again"
  handed_to=$address:$port
}

# It lifts the pause where nothing was changed yet, and else goes on to its end. TERM may come twice, also to this.
end_handover() {
  kill -TERM "$handing_over" 2>/dev/null
  while kill -0 "$handing_over" 2>/dev/null; do wait "$handing_over"; done
}

# A node that starts again gets all data anew from its master, as an RDB, and where it keeps an AOF writes one of it
# beside its last.
refuse_too_full_for_sync() {
  local info name size used kept=0
  info=$(here INFO) || true
  if [[ $(field "$info" role) == slave ]]; then
    for name in "${node_names[@]}"; do
      [[ "${node_address[$name]}:${node_port[$name]}" == "$(field "$info" master_host):$(field "$info" master_port)" ]] || continue
      info=$(ask "${node_address[$name]}" "${node_port[$name]}" INFO) || true
    done
  fi
  # The files are smaller than the data in memory; how much, an AOF tells.
  size=$(offset "$info" used_memory_dataset)
  used=$(offset "$info" aof_current_size)
  if [[ -n $used ]] && ((used < ${size:-0})); then size=$used; fi
  size=$((${size:-0} / 1048576))
  if [[ $(setting "$current/redis.conf" appendonly no) == yes ]]; then
    # The last RDB makes room when the new one takes its place.
    kept=$(find "$data/$(setting "$current/redis.conf" dbfilename dump.rdb)" -maxdepth 0 -type f -printf '%s' 2>/dev/null || true)
    kept=$((${kept:-0} / 1048576))
    if ((kept < size)); then size=$((2 * size - kept)); fi
  fi
  refuse_less_free "$data" $((size + least_free)) "for the data that this node gets from its master when it starts again, and the AOF written of them"
}

restart_node() {
  install_unit redis-cluster.service
  if running redis-cluster.service; then
    # A node that is stopped on a full disk does not start again.
    refuse_full_disk
    refuse_too_full_for_sync
    wait_persistence_idle
    systemctl stop redis-cluster.service
  fi
  start_unit redis-cluster.service
  wait_linked || gave_up "the restarted node is not linked to a master"
  did "restarted as $(role_here)"
}

role_here() {
  local info
  info=$(here INFO replication)
  if [[ $(field "$info" role) == slave ]]; then
    printf 'replica of %s:%s' "$(field "$info" master_host)" "$(field "$info" master_port)"
  else
    field "$info" role
  fi
}

# turn_not_over OWED: whether something was owed in this turn, or the group has not been whole yet.
turn_not_over() {
  [[ $1 != none || ! -e $initialised ]]
}

# The next host's turn begins on a group that is whole, which can never be bootstrapped again.
end_turn() {
  wait_whole
  place 0644 "$initialised" </dev/null
  rm -f "$bootstrap"
  prune_releases
}
