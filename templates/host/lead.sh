# shellcheck shell=bash
# The operator decides where the hosts may not: all disks lost, or all but one host gone for good.

# While the run that made it holds its lock, the host whose name it holds starts as master. Below /run, which redis
# may not write.
lead_file=$root/run/redis-cluster.lead

operator_lets_lead() {
  local name=''
  [[ -r $lead_file ]] || return 1
  read -r name <"$lead_file" || true
  [[ $name == "$self" ]] && ! flock -n -s "$lead_file" true
}

# verb lead [HASH]: tells what every member says and what this host holds, and with the hash printed below it,
# while all that still holds, makes this node the master. What other nodes hold and this one does not is lost.
verb_lead() {
  local proofs hash
  take_lock
  refuse_planted
  load_release
  has_data=0
  if loads_data "$release/redis.conf"; then has_data=1; fi
  ask_everybody node
  hear_sentinels "${node_address[$self]} ${node_port[$self]}"
  hear_nodes
  proofs=$(everything_heard | sed 's/; /\n/g')
  proofs+=$'\n'"this host: $( ((has_data)) && echo "data as of $(date -d "@$(files_as_of "$release/redis.conf")" +%FT%T)" || echo 'no data')"
  hash=$(sha256sum <<<"$proofs" | cut -c 1-16)
  if [[ ${1:-} != "$hash" ]]; then
    printf '%s\n\nTo make %s the master all the same, losing what only others hold: redis-cluster lead %s\n' "$proofs" "$self" "$hash"
    return
  fi
  printf '%s\n' "$self" >"$lead_file"
  chmod 0644 "$lead_file"
  exec 8<"$lead_file"
  flock 8
  at_end=forget_lead
  systemctl stop redis-sentinel.service redis-cluster.service
  start_unit redis-cluster.service
  if has_sentinel; then start_unit redis-sentinel.service; fi
  say "is the master now; the others follow when they are back"
}

forget_lead() {
  rm -f "$lead_file"
}

# highest_epoch: of what the sentinels said and this one knew.
highest_epoch() {
  local answer highest=$config_epoch
  for answer in "${heard[@]}"; do
    if [[ $answer =~ ^names\ .*\ ([0-9]+)$ ]] && ((BASH_REMATCH[1] > highest)); then highest=${BASH_REMATCH[1]}; fi
  done
  echo "$highest"
}
