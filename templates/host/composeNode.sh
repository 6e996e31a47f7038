# shellcheck shell=bash
# Composes the file that the node runs with; ExecStartPre of redis-cluster.service, as user redis.

# node_text DIR: the node's file without its role, from the release in DIR.
node_text() {
  cat "$1/redis.conf"
  printf '\nmasteruser replication\nmasterauth %s\n' "$(secret "$1/secrets" replication)"
  tls_text "$1"
  users_text "$1" users.acl
}

verb_compose_node() {
  local text
  refuse_root
  load_release
  refuse_other_directory
  refuse_unread "$release/redis.conf"
  remove_unfinished "$release/redis.conf"
  decide_role "$release/redis.conf" || die "$why. Retried every time systemd starts this unit; look at the members named above"
  step_back
  text=$(node_text "$release")
  if [[ $role != master ]]; then
    text+=$'\n'"replicaof $role"$'\n'"replica-priority $(priority_until_linked "$release/redis.conf")"
  fi
  put "$etc/redis-cluster.conf" <<<"# composed from release ${release##*/}"$'\n'"$text"
  settle_files "$release/redis.conf"
  mark_data
  printf '%s\n' "${release##*/}" >"$run/node/release"
  if [[ $role == master ]]; then
    say "starts as master: $why"
  else
    say "starts as replica of $role: $why"
  fi
}

# remove_unfinished CONF: what a killed save, sync or rewrite has left. Not the AOF beside one that was being written:
# it tells that the other is old.
remove_unfinished() {
  local name
  name=$(setting "$1" dbfilename dump.rdb)
  find "$data" -maxdepth 1 -type f -regextype posix-extended \
    -regex '.*/(temp-[0-9]+(\.[0-9]+)?\.rdb|temp-rewriteaof-(bg-)?[0-9]+\.aof)' ! -name "$name" -delete
}

# priority_until_linked CONF: after an outage of all hosts offsets tell nothing, and Sentinel would promote a
# replica that was down before it. So a replica that starts from disk ranks by its stamp, the newest first, until it
# has linked to a master; an empty one is never promoted.
priority_until_linked() {
  if [[ $(setting "$1" replica-priority 100) == 0 ]] || ((!has_data)); then
    echo 0
  else
    files_rank "$1"
  fi
}
