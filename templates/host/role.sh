# shellcheck shell=bash
# What sentinels and nodes say about who is the master.

# ask_sentinel NAME: one line
#   names ADDRESS PORT EPOCH   the member that it takes for the master
#   names-nobody               it knows no master of this name, or one that is no member
#   refused TEXT               it is there, but what it knows cannot be read
#   silent                     unreachable
ask_sentinel() {
  local reply epoch status=0 lines place
  # The first already tells the promoted replica while a failover is still going on; the second has the epoch.
  reply=$(printf 'SENTINEL %s %s\n' GET-MASTER-ADDR-BY-NAME "$master_name" MASTER "$master_name" |
    ask "${sentinel_address[$1]}" "${sentinel_port[$1]}") || status=$?
  if ((status == 1)); then
    printf 'silent\n'
    return
  fi
  mapfile -t lines <<<"$reply"
  epoch=$(sed -n '/^config-epoch$/{n;p;q}' <<<"$reply")
  if [[ $epoch =~ ^(0|[1-9][0-9]{0,17})$ && ${lines[1]:-} =~ ^[0-9]+$ ]]; then
    place=$(node_place "${lines[0]}" "${lines[1]}")
    if is_node "$place"; then
      printf 'names %s %s\n' "$place" "$epoch"
    else
      printf 'names-nobody of this group: %.64s\n' "${lines[0]} ${lines[1]}"
    fi
  elif [[ $reply == *'No such master with that name'* ]]; then
    printf 'names-nobody\n'
  else
    refusal "$reply"
  fi
}

# ask_node NAME: one line
#   master DATA REPLICAS            DATA: `data` when it holds keys or is loading, else `empty`
#   replica ADDRESS PORT DATA
#   refused TEXT
#   silent
ask_node() {
  local reply status=0 holds=empty
  reply=$(ask "${node_address[$1]}" "${node_port[$1]}" INFO replication persistence keyspace) || status=$?
  if ((status == 1)); then
    printf 'silent\n'
    return
  fi
  if [[ $reply =~ (^|$'\n')db[0-9]+:keys= || $(field "$reply" loading) != 0 ]]; then holds=data; fi
  case $status:$(field "$reply" role):$reply in
    *:'AUTH failed'*) refusal "$reply" ;;
    0:master:*) printf 'master %s %s\n' "$holds" "$(field "$reply" connected_slaves)" ;;
    0:slave:*)
      printf 'replica %s %s\n' "$(node_place "$(field "$reply" master_host)" "$(field "$reply" master_port)")" "$holds"
      ;;
    *) refusal "$reply" ;;
  esac
}

refusal() {
  printf 'refused %.120s\n' "$(tr '\n' ' ' <<<"$1")"
}

is_node() {
  local name
  for name in "${node_names[@]}"; do
    [[ "${node_address[$name]} ${node_port[$name]}" != "$1" ]] || return 0
  done
  return 1
}

# ask_everybody OWN: asks all sentinels and nodes at the same time, but not the one that is about to start here
# (OWN: node or sentinel). hear_* take the answers in as they come, so that hosts that are down cost one
# ask_timeout in all, and nothing where the others are enough.
ask_everybody() {
  local name asked_nodes=()
  declare -gA heard=()
  asked_sentinels=()
  for name in "${sentinel_names[@]}"; do
    [[ $1:$name == "sentinel:$self" ]] || asked_sentinels+=("$name")
  done
  for name in "${node_names[@]}"; do
    [[ $1:$name == "node:$self" ]] || asked_nodes+=("$name")
  done
  exec {answers}< <(
    # An answer that nobody waited for finds the pipe closed.
    for name in "${asked_sentinels[@]}"; do
      printf 'sentinel %s %.512s\n' "$name" "$(ask_sentinel "$name")" 2>/dev/null &
    done
    for name in "${asked_nodes[@]}"; do
      printf 'node %s %.512s\n' "$name" "$(ask_node "$name")" 2>/dev/null &
    done
    wait
  )
}

# hear_sentinels ME: until all have answered, or a majority of the configured names one member other than ME. Sets
# `named` to the "ADDRESS PORT" named by a majority, else with the highest epoch, else to ''; `named_epoch`,
# and `named_by_majority`.
hear_sentinels() {
  local kind name answer address epoch count=0 best_epoch=-1 best=()
  local -A votes=() epochs=()
  named='' named_epoch=0 named_by_majority=0
  while ((count < ${#asked_sentinels[@]})) && read -r kind name answer <&"$answers"; do
    heard["$kind $name"]=$answer
    [[ $kind == sentinel ]] || continue
    count=$((count + 1))
    # Answers come by one pipe: what a daemon says of itself may not pass for another's, nor for a number.
    [[ $answer =~ ^names\ ([0-9.]+\ [0-9]+)\ (0|[1-9][0-9]{0,17})$ ]] || continue
    address=${BASH_REMATCH[1]} epoch=${BASH_REMATCH[2]}
    votes[$address]=$((${votes[$address]:-0} + 1))
    if ((epoch > ${epochs[$address]:--1})); then epochs[$address]=$epoch; fi
    if ((votes[$address] * 2 > ${#sentinel_names[@]})); then
      named=$address named_epoch=${epochs[$address]} named_by_majority=1
      # Before this node is master on a majority's word, a failover that not all know of yet has to show.
      if [[ $named != "$1" ]]; then return; fi
    fi
  done
  for address in "${!epochs[@]}"; do
    epoch=${epochs[$address]}
    if ((epoch > best_epoch)); then
      best_epoch=$epoch best=("$address")
    elif ((epoch == best_epoch)); then
      best+=("$address")
    fi
  done
  if ((named_by_majority)); then
    if ((best_epoch > named_epoch)); then named=''; fi
  elif ((${#best[@]} == 1)); then
    named=${best[0]} named_epoch=$best_epoch
  fi
}

# hear_nodes: until all nodes have answered or their time is over.
hear_nodes() {
  local kind name answer
  while read -r kind name answer <&"$answers"; do
    heard["$kind $name"]=$answer
  done
}

everything_heard() {
  local who text=''
  while read -r who; do
    text+="${text:+; }$who: ${heard[$who]}"
  done < <(printf '%s\n' "${!heard[@]}" | sort)
  printf '%s' "$text"
}

# only_master REPLICAS: the address of the one node that says it is master, with at least so many replicas.
only_master() {
  local name answer found=()
  for name in "${node_names[@]}"; do
    answer=${heard["node $name"]:-}
    # A number and nothing else: what a shell takes for arithmetic it may run.
    if [[ $answer =~ ^master\ [a-z]+\ ([0-9]{1,9})$ ]] && ((10#${BASH_REMATCH[1]} >= $1)); then
      found+=("${node_address[$name]} ${node_port[$name]}")
    fi
  done
  ((${#found[@]} == 1)) || return 1
  printf '%s' "${found[0]}"
}

