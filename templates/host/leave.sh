# shellcheck shell=bash
# A master that is stopped on purpose hands over first; ExecStop of redis-cluster.service, as user redis.

# verb leave: out at once where nobody can take over: then systemd stops Redis all the same.
verb_leave() {
  local me
  refuse_root
  load_release
  me="$node_address_here $node_port_here"
  if [[ $(field "$(here INFO replication)" connected_slaves) == 0 ]] || ! is_master; then return; fi
  ask_everybody node
  hear_sentinels "$me"
  if [[ $named == "$me" ]] && ((named_by_majority)); then
    handover
  else
    say "stops without a handover: no majority of the sentinels answers that this node is the master"
  fi
}
