# shellcheck shell=bash
# Composes the file that the node runs with; ExecStartPre of redis-cluster.service, as user redis.

# node_text DIR: the node's file without its role, from the release in DIR.
node_text() {
  ask_group node-text "$1"
}

verb_compose_node() {
  local text joins
  refuse_root
  load_release
  joins=$(ask_group join "$release" "$data" "$(bootstrap_mark)" "$(whether test -e "$initialised")" \
    "$(whether operator_lets_lead)")
  text=$(node_text "$release")
  if [[ $joins != master ]]; then
    text+=$'\n'"replicaof ${joins% *}"$'\n'"replica-priority ${joins##* }"
  fi
  put "$etc/redis-cluster.conf" <<<"# composed from release ${release##*/}"$'\n'"$text"
  ask_group settle-files "$release" "$data"
  printf '%s\n' "${release##*/}" >"$run/node/release"
}
