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
  joins=$(ask_group join "$release" "$data" "$(last_role)" "$(bootstrap_mark)" "$(whether test -e "$initialised")" \
    "$(whether operator_lets_lead)")
  text=$(node_text "$release")
  if [[ $joins != master ]]; then
    text+=$'\n'"replicaof ${joins% *}"$'\n'"replica-priority ${joins##* }"
  fi
  put "$etc/redis-cluster.conf" <<<"# composed from release ${release##*/}"$'\n'"$text"
  ask_group settle-files "$release" "$data"
  printf '%s\n' "${release##*/}" >"$run/node/release"
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
