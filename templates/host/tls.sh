# shellcheck shell=bash
# TLS: the certificate of this host's release, and the change of a running group from plain ports to TLS alone.
# A port is of one kind, and so are all links of a sentinel, so the group moves from one pair of ports to another
# while both are open.

# tls_mode DIR: off, both or required, as the files in DIR say.
tls_mode() {
  if [[ -z $(setting "$1/redis.conf" tls-port '') ]]; then
    echo off
  elif [[ $(setting "$1/redis.conf" port 0) == 0 ]]; then
    echo required
  else
    echo both
  fi
}

# tls_text DIR: where a daemon finds the certificate of the release in DIR.
tls_text() {
  [[ $(tls_mode "$1") != off ]] || return 0
  printf 'tls-cert-file %s\ntls-key-file %s\ntls-ca-cert-file %s\n' "$1/tls.crt" "$1/tls.key" "$1/tls.ca"
}

# same_certificate HASH: whether the release of that hash has the certificate and the authority that are staged.
same_certificate() {
  cmp -s <(cat "$staged"/tls.* 2>/dev/null) <(cat "$releases/$1"/tls.* 2>/dev/null)
}

# node_place ADDRESS PORT: the same with the port that the group uses now: a file or a sentinel from before TLS
# was required names the plain one.
node_place() {
  if [[ $2 == "$plain_node_port" ]]; then printf '%s %s' "$1" "$node_port_here"; else printf '%s %s' "$1" "$2"; fi
}

sentinel_place() {
  if [[ $2 == "$plain_sentinel_port" ]]; then
    printf '%s %s' "$1" "${sentinel_port[$self]}"
  else
    printf '%s %s' "$1" "$2"
  fi
}

# --- changing the mode of a running group -------------------------------------------------------

# refuse_tls_leap: a group has to have both kinds of ports open before it moves, and does not move back.
refuse_tls_leap() {
  local was now
  now=$(tls_mode "$staged")
  [[ -e $current/redis.conf ]] || return 0
  was=$(tls_mode "$current")
  case "$was $now" in
    'off required')
      die "redis-cluster:tls.mode is required; expected both first, since this group runs without TLS: set it, run pulumi up, move the clients, then set required. Nothing was changed"
      ;;
    'required both' | 'required off')
      die "redis-cluster:tls.mode is $now; expected required, which this group runs with: there is no way back on a running group. Set it to required, then run pulumi up again. Nothing was changed"
      ;;
  esac
}

# refuse_other_authority: a host that trusts none of the authorities of the others is alone.
refuse_other_authority() {
  [[ -e $current/tls.ca && -e $staged/tls.ca ]] || return 0
  if cmp -s "$current/tls.ca" "$staged/tls.ca"; then return; fi
  awk 'BEGIN { RS = "-----END CERTIFICATE-----" } { gsub(/[[:space:]]/, "") } $0 == "" { next } FNR == NR { known[$0]; next } $0 in known { found = 1 } END { exit !found }' \
    "$current/tls.ca" "$staged/tls.ca" ||
    die "the authority of redis-cluster:tls is another than the one that this group trusts; expected both in tls.authority until every member and client has a certificate of the new one. See 'Another authority' in docs/operations.md. Nothing was stopped and nothing made live"
}

# prepare_tls_change: all that can refuse a change of the mode, on every host before anything changes on one.
prepare_tls_change() {
  local was now name reply
  was=$(tls_mode "$current") now=$(tls_mode "$staged")
  [[ $was != "$now" && -e $initialised ]] || return 0
  refuse_clients_on_closing_ports
  # A move that has begun is brought to its end.
  if [[ "$was $now" != 'both required' ]] || move_begun; then return; fi
  for name in "${node_names[@]}"; do answers_tls "$name node" "${node_address[$name]}" "${node_port[$name]}"; done
  for name in "${sentinel_names[@]}"; do answers_tls "$name sentinel" "${sentinel_address[$name]}" "${sentinel_port[$name]}"; done
  (load_members "$current/members" && gate) || move_begun || exit "$explained"
  make_release
}

answers_tls() {
  local reply
  reply=$(ask "$2" "$3" PING) ||
    die "the $1 does not answer by TLS on $2:$3: ${reply:-silent}; expected PONG: 'tls.mode: both' has to be live on every host first. Run 'redis-cluster gate' there, then pulumi up again. Nothing was changed"
}

move_begun() {
  local name
  for name in "${node_names[@]}"; do
    if follows_by_tls "$name"; then return; fi
  done
  return 1
}

follows_by_tls() {
  [[ $(ask "${node_address[$1]}" "${node_port[$1]}" CONFIG GET tls-replication | sed -n 2p) == yes ]]
}

# refuse_clients_on_closing_ports: nobody is cut off who has not moved to the other kind of port yet.
refuse_clients_on_closing_ports() {
  local problems
  problems=$(
    clients_on_closing_ports redis.conf "$node_address_here" "$node_port_here"
    if has_sentinel; then clients_on_closing_ports sentinel.conf "${sentinel_address[$self]}" "${sentinel_port[$self]}"; fi
  )
  if [[ -z $problems ]] || overridden "$problems"; then return; fi
  die "$problems; expected none: let them connect to the ports that stay, then run pulumi up again. To go on all the same, with this very change: pulumi config set override $(override_hash "$problems"). Nothing was changed"
}

# clients_on_closing_ports CONF ADDRESS PORT: one line a port of the running release that the staged file closes,
# with who is connected there. The group's own users go where the group goes.
clients_on_closing_ports() {
  local name was clients addresses
  for name in port tls-port; do
    was=$(setting "$current/$1" "$name" 0)
    # Part of a program for sed.
    [[ $was =~ ^[0-9]{1,5}$ ]] || continue
    if [[ $was == 0 || $was == "$(setting "$staged/$1" "$name" 0)" ]]; then continue; fi
    clients=$(ask "$2" "$3" CLIENT LIST) || continue
    addresses=$(sed -nE "s/.* addr=([^ ]*):[0-9]+ laddr=[^ ]*:$was .* user=([^ ]*) .*/\2 \1/p" <<<"$clients" |
      grep -vE '^(replication|sentinel|operator) ' | sort -u | paste -sd ',' || true)
    if [[ -n $addresses ]]; then printf 'clients are connected to port %s, which is to close: %s\n' "$was" "$addresses"; fi
  done
}

# move_to_tls: all hosts at the same time. First every replica follows by TLS, whoever gets to it first: the
# sentinels would keep a replica that tells its plain port for ever. Then this host's sentinel starts anew, watching
# the same master at its other port.
move_to_tls() {
  local name
  make_release
  begin_wait "$stall_limit"
  until all_follow_by_tls; do
    ! stalled || gave_up "the replicas do not all follow by TLS; expected the master to tell their TLS ports"
    for name in "${node_names[@]}"; do follow_by_tls "$name"; done
    sleep 0.1
  done
  switch_release
  stop_sentinel
  start_unit redis-sentinel.service
  did 'moved to TLS'
}

# Whether the master's list of replicas has each at its TLS port.
all_follow_by_tls() {
  local name info
  for name in "${node_names[@]}"; do
    follows_by_tls "$name" || return 1
  done
  for name in "${node_names[@]}"; do
    info=$(ask "${node_address[$name]}" "${node_port[$name]}" INFO replication) || return 1
    if [[ $(field "$info" role) == master ]]; then
      (($(grep -cE "^slave[0-9]+:.*,port=$node_port_here,state=online" <<<"$info") == ${#node_names[@]} - 1))
      return
    fi
  done
  return 1
}

# follow_by_tls NAME: its link goes to the TLS port of the same master, and goes on where it was.
follow_by_tls() {
  local address=${node_address[$1]} port=${node_port[$1]} info place sent='CONFIG SET tls-replication yes'
  info=$(ask "$address" "$port" INFO replication) || return 0
  place=$(node_place "$(field "$info" master_host)" "$(field "$info" master_port)")
  if [[ $(field "$info" role) == slave ]] && is_node "$place"; then sent+=$'\n'"REPLICAOF $place"; fi
  printf 'MULTI\n%s\nCONFIG REWRITE\nEXEC\n' "$sent" | ask "$address" "$port" >/dev/null || true
}

# closes_plain_port HASH: whether the release does, and the one of that hash does not.
closes_plain_port() {
  [[ "$(tls_mode "$releases/$1") $(tls_mode "$releases/$release")" == 'both required' ]]
}

# drop_plain_connections HASH: what came in by the plain port of that release, which would go on.
drop_plain_connections() {
  local port
  port=$(setting "$releases/$1/redis.conf" port 0)
  [[ $port =~ ^[0-9]{1,5}$ ]] || return 0
  here CLIENT LIST | sed -nE "s/^id=([0-9]+) .* laddr=[^ ]*:$port .*/CLIENT KILL ID \1/p" | here >/dev/null || true
}
