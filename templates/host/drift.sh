# shellcheck shell=bash
# What somebody changed by hand, found and put right: see redis_cluster/drift.py and redis_cluster/repair.py.

# verb drift: a line "HOST SETTING: wanted ..., seen ..." for each difference; nothing where there is none.
# Changes nothing.
verb_drift() {
  local seen
  seen=$(root_sees)
  ask_group drift "$seen"
}

# root_sees: what the user redis may not or cannot see, each in a line of its own.
root_sees() {
  local unit
  for unit in redis-cluster.service redis-sentinel.service; do
    printf 'unit %s %s %s\n' "$unit" "$(systemctl is-active "$unit" || true)" "$(systemctl is-enabled "$unit" 2>/dev/null || true)"
    drop_ins "$unit" | sed "s/^/drop-in $unit /"
  done
  if grep -q '^table' "$current/firewall.nft" 2>/dev/null; then
    printf 'unit redis-cluster-firewall.service %s \n' "$(systemctl is-active redis-cluster-firewall.service || true)"
    if nft list table inet redis_cluster >/dev/null 2>&1; then echo firewall; fi
  fi
  (cd "$programs" && sha256sum --check --quiet sums 2>/dev/null) | sed 's/^/edited /; s/: .*//'
  if operator_lets_lead; then echo lead; fi
  if role_deployed; then echo legacy; fi
}

repair_node() {
  local found
  found=$(ask_group repair-node)
  took_back "$found"
}

repair_sentinel() {
  local found
  found=$(ask_group repair-sentinel "$(whether operator_lets_lead)" "$(whether role_deployed)")
  took_back "$found"
}

# took_back NAMES
took_back() {
  [[ $1 =~ ^[A-Za-z0-9_./@|*,?\ -]*$ ]] || die "what was taken back has a name of another form; run 'redis-cluster drift' here"
  if [[ -n $1 ]]; then did "took back what was set by hand: $1"; fi
}
