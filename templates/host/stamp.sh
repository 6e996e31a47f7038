# shellcheck shell=bash
# The stamp of the node that runs here, by which it ranks after an outage; see redis_cluster/keep_stamp.py.

# verb restore-priority: ExecStartPost of redis-cluster.service. Goes on behind the node for as long as it runs, once a
# second: stamps, and takes the rank back when the node is linked. A stop of the unit ends it.
verb_restore_priority() {
  verb_keep_stamp </dev/null >/dev/null 2>&1 &
}

# verb keep-stamp: the same in front, for a node that an older program has started.
verb_keep_stamp() {
  refuse_root
  exec "${python_part[@]}" keep-stamp "$managed" "$data" "$run/node"
}
