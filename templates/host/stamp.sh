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

# stamping: whether somebody stamps for the node that runs here.
stamping() {
  ! "${as_redis[@]}" flock -n "$run/node/stamping" true 9>&-
}

# ensure_stamping: where nobody does.
ensure_stamping() {
  if [[ ! -e $current/redis.conf ]] || stamping; then return; fi
  systemctl reset-failed redis-cluster-stamp.service 2>/dev/null || true
  systemd-run --quiet --collect --unit=redis-cluster-stamp --uid=redis --gid=redis \
    --property={BindsTo,After}=redis-cluster.service --property=Restart=always --property=RestartSec=1 \
    --property=NoNewPrivileges=yes --property=ProtectSystem=strict \
    --property="ReadWritePaths=$data $run/node" "$programs/redis-cluster" keep-stamp
}
