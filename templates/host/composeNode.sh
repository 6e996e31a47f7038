# shellcheck shell=bash
# Composes the file that the node runs with; ExecStartPre of redis-cluster.service, as user redis.

# node_text DIR: the node's file without its role, from the release in DIR.
node_text() {
  cat "$1/redis.conf"
  printf '\naclfile %s/users.acl\nmasteruser replication\nmasterauth %s\n' "$1" "$(secret "$1/secrets" replication)"
}

verb_compose_node() {
  local text
  load_release
  decide_role "$release/redis.conf" || die "$why. Retried every time systemd starts this unit; look at the members named above"
  text=$(node_text "$release")
  if [[ $role != master ]]; then text+=$'\n'"replicaof $role"; fi
  put "$etc/redis-cluster.conf" <<<"# composed from release ${release##*/}"$'\n'"$text"
  printf '%s\n' "${release##*/}" >"$run/node/release"
  if [[ $role == master ]]; then
    say "starts as master: $why"
  else
    say "starts as replica of $role: $why"
  fi
}
