# shellcheck shell=bash
# The operator decides where the hosts may not: all disks lost, or all but one host gone for good.

# While the run that made it holds its lock, the host whose name it holds starts as master. Below /run, which redis
# may not write.
lead_file=$root/run/redis-cluster.lead

# The status of the part in Python where the hash is another, or none.
not_agreed=3

operator_lets_lead() {
  local name=''
  [[ -r $lead_file ]] || return 1
  read -r name <"$lead_file" || true
  [[ $name == "$self" ]] && ! flock -n -s "$lead_file" true
}

# verb lead [HASH]: tells what every member says and what this host holds, and with the hash printed below it,
# while all that still holds, makes this node the master. What other nodes hold and this one does not is lost.
verb_lead() {
  local status=0
  load_release
  ask_group lead "$release" "$data" "${1:-}" || status=$?
  if ((status == not_agreed)); then return; fi
  ((status == 0))
  act lead "$self"
  act stop sentinel
  act stop node
  start_unit redis-cluster.service
  if has_sentinel; then start_unit redis-sentinel.service; fi
  say "is the master now; the others follow when they are back"
}
