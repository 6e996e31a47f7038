# shellcheck shell=bash
# Whether the data directory is the one that this node last ran with: see redis_cluster/marks.py.

# The operator's consent, root's, while what it was given for is as it was.
trust_file=$root/run/redis-cluster.trust

# verb mark-data: for a node that a version without marks has started.
verb_mark_data() {
  refuse_root
  load_release
  ask_group mark-data "$self"
}

# verb trust-data [HASH]: tells what lies in the data directory, and with the hash printed below it, while all that is
# so, lets the node start there. It counts as a node that has lost its data until it has copied a master.
verb_trust_data() {
  local status=0 here mark='[0-9a-f-]{36}'
  take_lock
  load_release
  ask_group trust-data "${1:-}" "$self" || status=$?
  if ((status == not_agreed)); then return; fi
  ((status == 0))
  here=$(ask_group directory)
  [[ $here =~ ^device\ [0-9]+,\ inode\ [0-9]+,\ mark\ (none|$mark)\;\ expected\ the\ mark\ $mark$ ]] ||
    die "the data directory is '$(printf '%.80s' "$here")'; expected its device, inode and marks. Look at it, then run redis-cluster trust-data again"
  printf '%s\n' "$here" >"$trust_file"
  chmod 0644 "$trust_file"
  systemctl reset-failed redis-cluster.service 2>/dev/null || true
  systemctl restart --no-block redis-cluster.service
  say "the node starts with what is there"
}
