# shellcheck shell=bash
# The gate: what must hold on the whole group before a running daemon is stopped, and again before
# the next host's turn. CKQUORUM alone proves nothing: it says OK with a wrong password everywhere.

# What Sentinel's user does on a node in a failover: without any one of these there is none, and CKQUORUM says OK.
failover_rights=(MULTI EXEC 'SLAVEOF NO ONE' PING 'SUBSCRIBE __sentinel__:hello' 'PUBLISH __sentinel__:hello x' INFO
  'CONFIG REWRITE' 'CLIENT KILL TYPE normal')

# What passes within this many seconds is no fault, nor is what makes progress: a load, a sync.
gate_patience=10

# A replica that comes no nearer to its master for this many seconds is behind, not busy.
catch_up_patience=10

# How far two hosts' clocks may be apart, in microseconds.
clock_limit=2000000

# verb gate: prints what is wrong with the group, or that nothing is.
verb_gate() {
  local directory=$staged
  if [[ -e $current/members ]]; then directory=$current; fi
  load_members "$directory/members"
  operator_password=$(secret "$directory/secrets" operator)
  gate
  say "the group is whole"
}

gate() {
  local problems
  begin_wait "$gate_patience"
  while :; do
    problems=$(
      group_problems
      rights_problems
      replay_problems
      certificate_problems
      clock_problems
    )
    if [[ -z $problems ]] || overridden "$problems"; then return; fi
    if stalled; then break; fi
    sleep 0.5
  done
  die "the group is not whole, so nothing was stopped and nothing made live:"$'\n'"$problems"$'\n'"Repair what is named, look again with 'redis-cluster gate' on a host, then run pulumi up again. To go on all the same, with this very change and these very faults: pulumi config set override $(override_hash "$problems")"
}

# overridden PROBLEMS: whether the operator has said to go on with this plan in spite of just these.
overridden() {
  [[ -n ${step_override:-} && $step_override == "$(override_hash "$1")" ]] || return 1
  say "goes on in spite of what is wrong, as redis-cluster:override asks:"$'\n'"$1"
}

override_hash() {
  printf '%s\n%s' "${step_plan:-}" "$1" | sha256sum | cut -c 1-16
}

# What would let a failover fail though all looks well: a file that cannot be rewritten, a right that is missing.
rights_problems() {
  local name reply
  for name in "${node_names[@]}"; do
    reply=$(printf '%s\n' 'CONFIG REWRITE' "${failover_rights[@]/#/ACL DRYRUN sentinel }" |
      ask "${node_address[$name]}" "${node_port[$name]}") || true
    if (($(grep -cx OK <<<"$reply") != ${#failover_rights[@]} + 1)); then
      printf '%s node: CONFIG REWRITE and the rights of the user sentinel: %s; expected OK\n' \
        "$name" "$(grep -vx OK <<<"$reply" | grep . | tr '\n' ';' || echo 'no answer')"
    fi
  done
  for name in "${sentinel_names[@]}"; do
    reply=$(ask "${sentinel_address[$name]}" "${sentinel_port[$name]}" SENTINEL FLUSHCONFIG) || true
    [[ $reply == OK ]] || printf '%s sentinel: SENTINEL FLUSHCONFIG says %s; expected OK: redis must be able to write /etc/redis-cluster\n' "$name" "$reply"
  done
}

# A write of each kind, on any key: Redis replays them as the user default. How ACL LIST tells rights differs among its
# versions.
replayed_writes=('SET k v' 'DEL k' 'INCR k' 'PEXPIREAT k 1' 'LPUSH k v' 'SPOP k 1' 'HSET k f v' 'ZADD k 1 m' 'XADD k * f v'
  'FLUSHALL' 'FLUSHDB' 'SWAPDB 0 1' 'RESTORE k 0 v' 'SORT k STORE k' 'FUNCTION LOAD code' 'PUBLISH c m')

# What a node would drop at its next start from an AOF, and what the master dropped at its last one: a replica has
# copied its master since.
replay_problems() {
  local name reply refused
  for name in "${node_names[@]}"; do
    reply=$(printf '%s\n' "${replayed_writes[@]/#/ACL DRYRUN default }" 'INFO replication stats' |
      ask "${node_address[$name]}" "${node_port[$name]}") || continue
    (($(grep -cx OK <<<"$reply") == ${#replayed_writes[@]})) ||
      printf '%s node: its user default may not do all writes; expected %s: so a start from the AOF drops transactions, scripts and functions. pulumi refresh, then pulumi up, mends it\n' \
        "$name" "'$replaying_user'"
    refused=$(field "$reply" unexpected_error_replies)
    if [[ $(field "$reply" role) == master && $refused != 0 ]]; then
      printf '%s node: the master has refused commands that it loaded from its AOF or got from its master (unexpected_error_replies); expected none: what they wrote is missing here. Look at /var/log/redis-cluster/redis-cluster.log for CRITICAL; once you know, CONFIG RESETSTAT there\n' "$name"
    fi
  done
}

# After an outage nodes rank by moments that their master's clock told, and the next master's has to go on from there.
# What the question took is no difference.
clock_problems() {
  local name reply before after told
  for name in "${node_names[@]}"; do
    before=${EPOCHREALTIME/./}
    reply=$(ask "${node_address[$name]}" "${node_port[$name]}" TIME) || continue
    after=${EPOCHREALTIME/./}
    [[ $reply =~ ^([1-9][0-9]{8,9})$'\n'([0-9]{1,6})$ ]] || continue
    told=$((BASH_REMATCH[1] * 1000000 + 10#${BASH_REMATCH[2]}))
    if ((told < before - clock_limit || told > after + clock_limit)); then
      printf '%s node: its clock is more than %s s off that of %s; expected the same time on all hosts: have NTP set them\n' \
        "$name" $((clock_limit / 1000000)) "$self"
    fi
  done
}

# One line for each thing that is wrong; nothing when the group is whole.
group_problems() {
  local master='' epoch='' name written=''
  local -A ids=()
  for name in "${sentinel_names[@]}"; do sentinel_problems "$name"; done
  # Before any replica is looked at: what a busy master writes meanwhile is no lag.
  for name in "${node_names[@]}"; do
    if [[ ${node_address[$name]}:${node_port[$name]} == "$master" ]]; then written=$(offset_of "$name" master_repl_offset); fi
  done
  for name in "${node_names[@]}"; do node_problems "$name"; done
}

# Shares master, epoch and ids with group_problems: the first sentinel's answer is what the others must say too.
sentinel_problems() {
  local name=$1 address=${sentinel_address[$1]} port=${sentinel_port[$1]} reply id said
  local -A is=()
  if ! reply=$(ask "$address" "$port" SENTINEL MASTER "$master_name"); then
    printf '%s sentinel %s:%s: %s; expected an answer\n' "$name" "$address" "$port" "${reply:-no answer}"
    return
  fi
  local key value
  while read -r key && read -r value; do is[${key:-none}]=$value; done <<<"$reply"
  said="${is[ip]:-}:${is[port]:-}"
  if [[ -z $master ]]; then
    master=$said epoch=${is[config-epoch]:-}
  fi
  expect "$name sentinel" master "$said" "$master"
  expect "$name sentinel" config-epoch "${is[config-epoch]:-}" "$epoch"
  expect "$name sentinel" flags "${is[flags]:-}" master
  expect "$name sentinel" num-slaves "${is[num-slaves]:-}" $((${#node_names[@]} - 1))
  expect "$name sentinel" num-other-sentinels "${is[num-other-sentinels]:-}" $((${#sentinel_names[@]} - 1))
  reply=$(ask "$address" "$port" INFO sentinel) || true
  expect "$name sentinel" sentinel_tilt "$(field "$reply" sentinel_tilt)" 0
  reply=$(ask "$address" "$port" SENTINEL CKQUORUM "$master_name") || true
  [[ $reply == OK* ]] || printf '%s sentinel: CKQUORUM says %s; expected OK\n' "$name" "$reply"
  id=$(ask "$address" "$port" SENTINEL MYID) || true
  if [[ -z $id ]]; then
    printf '%s sentinel: does not tell its id\n' "$name"
  elif [[ -n ${ids[$id]:-} ]]; then
    printf '%s sentinel: has the id of %s; expected distinct ids\n' "$name" "${ids[$id]}"
  else
    ids[$id]=$name
  fi
}

# offset INFO FIELD: an offset that INFO tells; empty when it is no number.
offset() {
  local seen
  seen=$(field "$1" "$2")
  if [[ $seen =~ ^(0|[1-9][0-9]{0,17})$ ]]; then printf '%s' "$seen"; fi
}

# offset_of NODE FIELD: the same, of a node that is asked.
offset_of() {
  offset "$(ask "${node_address[$1]}" "${node_port[$1]}" INFO replication)" "$2"
}

# reaches NODE OFFSET: whether the replica has all that its master had written then; waits for as long as it comes
# nearer.
reaches() {
  local at=0 seen deadline=$((SECONDS + catch_up_patience))
  while :; do
    seen=$(offset_of "$1" slave_repl_offset)
    [[ -n $seen ]] || return 1
    if ((seen >= $2)); then return 0; fi
    if ((seen > at)); then at=$seen deadline=$((SECONDS + catch_up_patience)); fi
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

# Shares master and written with group_problems. No number that was measured is in a text: an override is good for
# just these texts.
node_problems() {
  local name=$1 address=${node_address[$1]} port=${node_port[$1]} info last
  if ! info=$(ask "$address" "$port" INFO); then
    printf '%s node %s:%s: %s; expected an answer\n' "$name" "$address" "$port" "${info:-no answer}"
    return
  fi
  expect "$name node" loading "$(field "$info" loading)" 0
  for last in rdb_last_bgsave_status aof_last_write_status aof_last_bgrewrite_status; do
    [[ $(field "$info" "$last") == ok ]] ||
      printf '%s node: %s is %s; expected ok. The reason is in /var/log/redis-cluster/redis-cluster.log there; a BGSAVE or BGREWRITEAOF that succeeds clears it\n' \
        "$name" "$last" "$(field "$info" "$last")"
  done
  if [[ $address:$port == "$master" ]]; then
    expect "$name node" role "$(field "$info" role)" master
    expect "$name node" connected_slaves "$(field "$info" connected_slaves)" $((${#node_names[@]} - 1))
    [[ -n $written ]] || printf '%s node: does not tell its master_repl_offset; expected a number\n' "$name"
  else
    expect "$name node" role "$(field "$info" role)" slave
    expect "$name node" master "$(field "$info" master_host):$(field "$info" master_port)" "$master"
    expect "$name node" master_link_status "$(field "$info" master_link_status)" up
    expect "$name node" master_sync_in_progress "$(field "$info" master_sync_in_progress)" 0
    if [[ -n $written && $(field "$info" master_link_status) == up ]]; then
      reaches "$name" "$written" || printf '%s node: has not what its master had written, and comes no nearer; expected its slave_repl_offset to pass that\n' "$name"
    fi
  fi
}

expect() {
  [[ $3 == "$4" ]] || printf '%s: %s is %s; expected %s\n' "$1" "$2" "${3:-unknown}" "$4"
}
