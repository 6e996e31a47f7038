# shellcheck shell=bash
# Sentinels that watch or remember what is no member. None forgets by itself, and no gate holds with it. They are
# helped one after the other by the first sentinel-stop, while all the others can act, and each keeps or gets again the
# epoch by which sentinels tell what is newer: where all had lost theirs, one that was away would turn the group back.

# How long a sentinel that has forgotten may take to find the group again, in seconds; it took 2 s when measured.
find_limit=20

# known_to SENTINEL: the master, replicas and sentinels that it knows, a line "ADDRESS PORT FLAGS" each.
known_to() {
  printf 'SENTINEL %s %s\n' MASTER "$master_name" REPLICAS "$master_name" SENTINELS "$master_name" |
    ask "${sentinel_address[$1]}" "${sentinel_port[$1]}" | awk '
      last == "ip" { ip = $0 }
      last == "port" { port = $0 }
      last == "flags" && ip ~ /^[0-9.]+$/ && port ~ /^[0-9]+$/ && /^[a-z_,]+$/ { print ip, port, $0 }
      { last = $0 }' || true
}

# master_in KNOWN: the "ADDRESS PORT FLAGS" of the master among such lines.
master_in() {
  grep -E ' (.*,)?master(,|$)' <<<"$1" || true
}

# strangers_to SENTINEL KNOWN: the replicas and sentinels among them that are no member's and are not there: one that
# is there would be known again. A member's other address, as the old role may have it, is there.
strangers_to() {
  local address port flags
  while read -r address port flags; do
    if [[ -z $flags || ,$flags, == *,master,* ]] || is_node "$address $port" || is_sentinel_beside "$1" "$address $port"; then continue; fi
    if [[ $flags =~ s_down|disconnected ]] || role_deployed; then printf '%s %s %s\n' "$address" "$port" "$flags"; fi
  done <<<"$2"
}

is_sentinel_beside() {
  local name
  for name in "${sentinel_names[@]}"; do
    [[ $name == "$1" || "${sentinel_address[$name]} ${sentinel_port[$name]}" != "$2" ]] || return 0
  done
  return 1
}

# mend_sentinels: where there is no telling who is the master, or not all are there and linked to it, the gate has
# its say.
mend_sentinels() {
  local name master epoch watching=' '
  ! all_watch_members || return 0
  ask_everybody nobody
  hear_sentinels ''
  hear_nodes
  master=$(only_master $((${#node_names[@]} - 1))) && epoch=$(epoch_of "$master") || return 0
  for name in "${sentinel_names[@]}"; do
    if [[ ${heard["sentinel $name"]} == "names $master "* ]]; then watching+="$name "; fi
  done
  for name in "${sentinel_names[@]}"; do mend_sentinel "$name" "$master"; done
}

# all_watch_members: whether all watch the same member and none knows strangers.
all_watch_members() {
  local name known master watched=''
  for name in "${sentinel_names[@]}"; do
    known=$(known_to "$name")
    master=$(master_in "$known")
    is_node "${master% *}" && [[ ${watched:=${master% *}} == "${master% *}" && -z $(strangers_to "$name" "$known") ]] || return 1
  done
}

# epoch_of MASTER: the one that the sentinels heard have for it, 0 where none names it; 1 unless all were heard, and none
# has a newer one for another.
epoch_of() {
  local name answer highest=0 other=0
  for name in "${sentinel_names[@]}"; do
    answer=${heard["sentinel $name"]:-silent}
    if [[ $answer =~ ^names\ ([0-9.]+\ [0-9]+)\ (0|[1-9][0-9]{0,17})$ ]]; then
      if [[ ${BASH_REMATCH[1]} == "$1" ]]; then
        if ((BASH_REMATCH[2] > highest)); then highest=${BASH_REMATCH[2]}; fi
      elif ((BASH_REMATCH[2] > other)); then
        other=${BASH_REMATCH[2]}
      fi
    elif [[ $answer != names-nobody* ]]; then
      return 1
    fi
  done
  ((other <= highest)) || return 1
  echo "$highest"
}

# mend_sentinel NAME MASTER: shares epoch, and watching, the names of the sentinels that watch the master, with
# mend_sentinels.
mend_sentinel() {
  local address=${sentinel_address[$1]} port=${sentinel_port[$1]} known strangers deadline=$((SECONDS + settle_time))
  known=$(known_to "$1")
  if [[ $(master_in "$known") == "$2 "* ]]; then
    strangers=$(strangers_to "$1" "$known")
    [[ -n $strangers ]] || return 0
    # One that has only just heard of this master has no link to it yet.
    until [[ $(master_in "$(known_to "$1")") == "$2 master" ]]; do
      ((SECONDS < deadline)) || return 0
      sleep 0.2
    done
    # Keeps the epoch, and asks the master for its replicas at once; the other sentinels greet every two seconds.
    [[ $(ask "$address" "$port" SENTINEL RESET "$master_name") == 1 ]] || return 0
    did "had the sentinel on $1 forget $(paste -sd ';' <<<"$strangers")"
  else
    # Has the epoch with the first greeting of another one that watches the master.
    {
      if [[ -n $(master_in "$known") ]]; then echo "SENTINEL REMOVE $master_name"; fi
      echo "SENTINEL MONITOR $master_name $2 $quorum"
      echo "SENTINEL SET $master_name $(sentinel_login) $(live_part "$staged/sentinel.conf" | awk '{ print $2, $4 }' | xargs)"
    } | tell ask "$address" "$port"
    did "had the sentinel on $1 watch $2"
    if [[ $watching != *" $1 "* ]]; then watching+="$1 "; fi
  fi
  deadline=$((SECONDS + find_limit))
  until [[ $(ask_sentinel "$1") == "names $2 $epoch" ]] && knows_members "$1"; do
    ((SECONDS < deadline)) ||
      die "after $find_limit s the sentinel on $1 $(ask_sentinel "$1") and knows $(known_to "$1" | paste -sd ';'); expected it to name $2 $epoch and to know every member. Look at those that it lacks with 'redis-cluster gate', then run pulumi up again"
    sleep 0.2
  done
}

# knows_members SENTINEL: whether it has a link to each node, and to each other sentinel that watches the master.
knows_members() {
  local name known
  known=$'\n'$(known_to "$1" | grep -vE 's_down|disconnected' || true)
  for name in "${node_names[@]}"; do
    [[ $known == *$'\n'"${node_address[$name]} ${node_port[$name]} "* ]] || return 1
  done
  for name in "${sentinel_names[@]}"; do
    [[ $name == "$1" || $watching != *" $name "* || $known == *$'\n'"${sentinel_address[$name]} ${sentinel_port[$name]} "* ]] || return 1
  done
}
