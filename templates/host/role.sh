# shellcheck shell=bash
# Which role a node starts with. Sentinel owns the roles: this finds out what it decided, by the six
# rules of docs/architecture.md, and where it cannot, it does not guess.

# A forced failover takes Sentinel one to two seconds; this many are waited for one.
failover_wait=10
# Set where what this node would load is older than what it held when it ended.
outdated=0

# --- asking -----------------------------------------------------------------------------------

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
#   replica ADDRESS PORT DATA       or `newer`, where this node's files are outdated and that one holds more
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
      if [[ $holds == data ]] && ((outdated)) && is_ahead "$reply"; then holds=newer; fi
      printf 'replica %s %s\n' "$(node_place "$(field "$reply" master_host)" "$(field "$reply" master_port)")" "$holds"
      ;;
    *) refusal "$reply" ;;
  esac
}

# is_ahead INFO: whether that replica holds more than the files of this node. One that has been linked since it started
# holds all up to when its link went down; one that has not ranks by its stamp.
is_ahead() {
  local down rank
  down=$(field "$1" master_link_down_since_seconds) rank=$(field "$1" slave_priority)
  if [[ $(field "$1" master_link_status) == up ]]; then down=0; fi
  if [[ $down =~ ^[0-9]{1,9}$ ]]; then
    ((EPOCHSECONDS - down > own_written))
  else
    [[ $rank =~ ^[1-9][0-9]{0,9}$ ]] && ((rank < own_rank))
  fi
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
# `named_by_majority`, and `sentinels_disagree` when it takes time or an operator to tell who is right.
hear_sentinels() {
  local kind name answer address epoch count=0 best_epoch=-1 best=()
  local -A votes=() epochs=()
  named='' named_epoch=0 named_by_majority=0 sentinels_disagree=0
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
    if ((best_epoch > named_epoch)); then named='' sentinels_disagree=1; fi
  elif ((${#best[@]} == 1)); then
    named=${best[0]} named_epoch=$best_epoch
  elif ((${#best[@]} > 1)); then
    sentinels_disagree=1
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

# --- deciding ---------------------------------------------------------------------------------

# decide_role CONF: how the node that starts with the settings of CONF joins the group. Sets `role` to
# `master` or to the "ADDRESS PORT" to replicate, and `why`; returns 1, with `why`, when it is undecided.
decide_role() {
  local me="${node_address[$self]} ${node_port[$self]}"
  role='' why='' has_data=0
  # What an operator lets the node start on in the place of its own data is not what it last held.
  if loads_data "$1" && ! other_directory; then has_data=1; fi
  outdated=0
  if ((has_data)) && files_outdated "$1"; then
    outdated=1 own_written=$(files_written "$1") own_rank=$(files_rank "$1")
  fi
  if operator_lets_lead; then
    role=master
    why='the operator made it lead'
    return
  fi
  ask_everybody node
  hear_sentinels "$me"
  if ((named_by_majority)) && [[ -n $named && $named != "$me" ]]; then
    role=$named
    why='a majority of the sentinels names it'
    return
  fi
  hear_nodes
  if ((named_by_majority && sentinels_disagree)); then
    undecided 'the sentinels disagree'
  elif ((named_by_majority)); then
    decide_named
  elif any_heard 'sentinel ' 'refused'; then
    undecided 'a sentinel is there but refuses to tell the master'
  elif ((!has_data)) && [[ -n $named && $named != "$me" ]]; then
    role=$named
    why='the sentinel with the highest epoch names it, and I have no data'
  else
    decide_alone
  fi
}

# A majority of the sentinels names this node.
decide_named() {
  local lack='my data are gone'
  if ((outdated)); then lack='my files are older than what I held'; fi
  if ((has_data && !outdated)); then
    role=master
    why='a majority of the sentinels names it'
  elif may_lead; then
    role=master
    why="the sentinels name it, and nobody else has $( ((has_data)) && echo 'newer data' || echo data)"
  elif ((!outdated)) || anyone_newer && fail_over_first; then
    why="$lack; the sentinels have failed over to it"
  else
    undecided "the sentinels name me but $lack, and $objection"
  fi
}

# Less than a majority of the sentinels names one member. Those few may have slept through a failover, so a node
# goes by what it was told last, and silence is no consent to its being master.
decide_alone() {
  local last master
  last=$(last_role)
  if [[ -n $last && $last != master ]]; then
    role=$last
    why='no majority of the sentinels names a master; my last file says so'
  elif [[ $last == master ]]; then
    if may_lead; then
      role=master
      why='no majority of the sentinels names a master; my last file says so, and no member contradicts'
    else
      undecided "no majority of the sentinels names a master, and as master I would contradict a member: $objection"
    fi
  elif is_bootstrap_master && may_lead; then
    role=master
    why='marked as the bootstrap master, and no member contradicts'
  elif master=$(bootstrap_master_named); then
    role=$master
    why='marked as the bootstrap master'
  elif ((sentinels_disagree)); then
    undecided 'the sentinels disagree'
  elif ((!has_data)) && [[ ! -e $initialised ]] && master=$(only_master 0); then
    role=$master
    why='the group was never whole, and it is the one master'
  else
    undecided 'no majority of the sentinels names a master and there is no last file'
  fi
}

# anyone_newer: whether a replica that was heard holds more than this node's outdated files.
anyone_newer() {
  local name
  for name in "${node_names[@]}"; do
    [[ ${heard["node $name"]:-} != 'replica '*' newer' ]] || return 0
  done
  return 1
}

undecided() {
  why="undecided: $1. Asked: $(everything_heard). Here: data $( ((has_data)) && echo yes || echo no), last file $(last_role | grep . || echo none)"
  return 1
}

# any_heard KIND PREFIX: whether an answer of this kind of daemon begins so.
any_heard() {
  local who
  for who in "${!heard[@]}"; do
    [[ $who != "$1"* || ${heard[$who]} != "$2"* ]] || return 0
  done
  return 1
}

# may_lead: whether nothing speaks against this node's being master; else says what in `objection`.
# A node that follows this one cannot be ahead of it; only an empty node has to fear what a follower holds.
may_lead() {
  local name answer me="${node_address[$self]} ${node_port[$self]}"
  objection=''
  if ((!named_by_majority)) && any_heard 'sentinel ' 'names'; then
    for name in "${sentinel_names[@]}"; do
      answer=${heard["sentinel $name"]:-silent}
      case $answer in
        silent) is_bootstrap_master || objection="the sentinel on $name is unreachable" ;;
        "names $me "* | names-nobody*) ;;
        *) objection="the sentinel on $name names another master" ;;
      esac
      [[ -z $objection ]] || return 1
    done
  fi
  for name in "${node_names[@]}"; do
    [[ $name != "$self" ]] || continue
    answer=${heard["node $name"]:-silent}
    case $answer in
      silent) is_bootstrap_master || objection="$name is unreachable" ;;
      "replica $me empty") ;;
      "replica $me newer") objection="$name holds newer data" ;;
      "replica $me data") ((has_data)) || objection="$name holds data" ;;
      'replica '*) objection="$name follows another master" ;;
      'master '*) objection="$name is master" ;;
      *) objection="$name answers: $answer" ;;
    esac
    [[ -z $objection ]] || return 1
  done
  # That nobody else holds anything either is no reason: the data may be on disks that are not mounted.
  if ((!has_data)) && [[ -e $initialised ]] && ! holds_files; then
    objection="$data has lost all its files; if no host has them any more, 'redis-cluster lead' makes one of them the master"
    return 1
  fi
}

# last_role: `master` or the "ADDRESS PORT" followed, by the file that this node last ran with; nothing
# when there is none of ours or it follows no member of the group.
last_role() {
  local file=$etc/redis-cluster.conf line place
  [[ -f $file ]] && grep -q '^# composed from release ' "$file" 2>/dev/null || return 0
  line=$(grep -E '^replicaof[[:space:]]' "$file" | tail -n 1) || true
  if [[ -z $line ]]; then
    echo master
  elif [[ $line =~ ^replicaof[[:space:]]+([0-9.]+)[[:space:]]+([0-9]+)[[:space:]]*$ ]]; then
    place=$(node_place "${BASH_REMATCH[1]}" "${BASH_REMATCH[2]}")
    if is_node "$place" && [[ $place != "${node_address[$self]} ${node_port[$self]}" ]]; then
      printf '%s\n' "$place"
    fi
  fi
}

# bootstrap_mark: the name of the bootstrap master of a first deployment that is going on. It says nothing
# any more once the group has been whole.
bootstrap_mark() {
  [[ ! -e $initialised && -f $bootstrap ]] || return 0
  local name
  read -r name <"$bootstrap" || true
  printf '%s' "${name:-}"
}

is_bootstrap_master() {
  [[ $(bootstrap_mark) == "$self" ]]
}

# bootstrap_master_named: the address of the node that the mark names, when it is another one.
bootstrap_master_named() {
  local name
  name=$(bootstrap_mark)
  [[ -n $name && $name != "$self" && -n ${node_address[$name]:-} ]] || return 1
  printf '%s %s' "${node_address[$name]}" "${node_port[$name]}"
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

# fail_over_first: makes the sentinels give the mastership to a node that has the data; sets `role` to it.
# One sentinel leads, the one that does already if any: two of them at once would only outbid each other's epochs.
fail_over_first() {
  local name reply answer leader='' deadline=$((SECONDS + failover_wait))
  for name in "${sentinel_names[@]}"; do
    [[ ${heard["sentinel $name"]:-} == 'names '* ]] || continue
    reply=$(ask "${sentinel_address[$name]}" "${sentinel_port[$name]}" SENTINEL MASTER "$master_name" | sed -n '/^flags$/{n;p;q}') || true
    if [[ ,$reply, == *,failover_in_progress,* ]]; then leader=$name; fi
  done
  for name in "${sentinel_names[@]}"; do
    [[ -z $leader && ${heard["sentinel $name"]:-} == 'names '* ]] || continue
    reply=$(ask "${sentinel_address[$name]}" "${sentinel_port[$name]}" SENTINEL FAILOVER "$master_name") || true
    heard["sentinel $name"]="failover: $reply"
    if [[ $reply == OK* || $reply == *INPROG* ]]; then leader=$name; fi
  done
  [[ -n $leader ]] || return 1
  while ((SECONDS < deadline)); do
    answer=$(ask_sentinel "$leader")
    answer=${answer#names }
    if is_node "${answer% *}" && [[ ${answer% *} != "${node_address[$self]} ${node_port[$self]}" ]]; then
      role=${answer% *}
      return 0
    fi
    sleep 0.1
  done
  return 1
}
