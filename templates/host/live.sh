# shellcheck shell=bash
# What running daemons take: settings and users, set at run time and read back.

# name and value of every live setting in which the release differs from the one that runs;
# several lines of one name make one value, as CONFIG SET takes them.
changed_live() {
  local conf=$1 hash=$2
  diff <(joined_live "$releases/$hash/$conf") <(joined_live "$releases/$release/$conf") | sed -n 's/^> //p'
}

joined_live() {
  live_part "$1" | awk '
    $1 == "sentinel" { print; next }
    { name = $1; $1 = ""; sub(/^ /, ""); value[name] = (name in value) ? value[name] " " $0 : $0; if (!(name in order)) { order[name] = ++n; names[n] = name } }
    END { for (i = 1; i <= n; i++) print names[i], value[names[i]] }'
}

apply_node_live() {
  local hash name value words=() reply before names
  hash=$(running_release node)
  if closes_plain_port "$hash"; then wait_whole; fi
  while read -r name value; do
    value=${value#\"} value=${value%\"}
    words+=("$name" "$value")
  done < <(
    changed_live redis.conf "$hash"
    tls_text "$releases/$release"
  )
  if ((${#words[@]})); then
    refuse_evicting_maxmemory
    if raises_replicas_to_write "${words[@]}"; then wait_whole; fi
    before=$(here CONFIG GET '*') || unanswered 'the node' "$before"
    reply=$(here CONFIG SET "${words[@]}") ||
      die "CONFIG SET was refused: $reply. Nothing was changed on this host; correct the setting in the stack's configuration, then run pulumi up again"
    read_back "$before" "${words[@]}"
    names=$(printf '%s\n' "${words[@]}" | sed -n 'p;n' | grep -v '^tls-.*-file$' | paste -sd ' ' || true)
    if [[ -n $names ]]; then did "set at run time: $names"; fi
    if ! same_certificate "$hash"; then did 'took the new certificate'; fi
  fi
  if closes_plain_port "$hash"; then drop_plain_connections "$hash"; fi
  if same_users "$hash" users.acl; then return; fi
  apply_users "$node_address_here" "$node_port_here" users.acl
  reply=$(printf 'CONFIG SET masterauth %s\n' "$(secret "$releases/$release/secrets" replication)" | here) || true
  [[ $reply == OK ]] || die "CONFIG SET masterauth was refused: $reply; run pulumi up again"
  did "changed users"
}

# raises_replicas_to_write NAME VALUE...: a master that has to reach hosts which have just joined would refuse writes
# until they are linked.
raises_replicas_to_write() {
  local now
  while (($#)); do
    if [[ $1 == min-replicas-to-write ]]; then
      now=$(here CONFIG GET "$1" | sed -n 2p)
      [[ $now =~ ^[0-9]{1,9}$ ]] && (($2 > now))
      return
    fi
    shift 2
  done
  return 1
}

# A limit below what is in use would throw keys away at once, where the policy is to evict.
refuse_evicting_maxmemory() {
  ask_group refuse-evicting "$releases/$release"
}

# read_back BEFORE NAME VALUE...: Redis writes some values in its own way, so what counts is that it has
# the wanted value or at least another than before.
read_back() {
  local before=$1 seen was
  shift
  while (($#)); do
    seen=$(here CONFIG GET "$1") || unanswered 'the node' "$seen"
    seen=$(sed -n 2p <<<"$seen")
    was=$(sed -n "/^$1\$/{n;p;q}" <<<"$before")
    [[ $(plain_value "$seen") == "$(plain_value "$2")" || $seen != "$was" ]] ||
      die "redis-cluster:redis.$1 is '$seen' after CONFIG SET; expected '$2'; run pulumi up again"
    shift 2
  done
}

# A value as CONFIG GET writes it: sizes in bytes, `replica` under its old name.
plain_value() {
  local word factor plain=() words
  read -ra words <<<"${1,,}"
  for word in "${words[@]}"; do
    factor=1
    case $word in
      [0-9]*kb) factor=1024 ;; [0-9]*mb) factor=1048576 ;; [0-9]*gb) factor=1073741824 ;;
      [0-9]*k) factor=1000 ;; [0-9]*m) factor=1000000 ;; [0-9]*g) factor=1000000000 ;;
      slave) word=replica ;;
    esac
    if [[ $word =~ ^([0-9]+)[kmg]b?$ ]]; then word=$((10#${BASH_REMATCH[1]} * factor)); fi
    plain+=("$word")
  done
  printf '%s' "${plain[*]:-}"
}

apply_sentinel_live() {
  local hash option value reply name password
  hash=$(running_release sentinel)
  while read -r _ option name value; do
    reply=$(sentinel_here SENTINEL SET "$name" "$option" "$value") ||
      die "SENTINEL SET $option was refused: $reply; correct redis-cluster:sentinel.$option, then run pulumi up again"
    did "set at run time: $option"
  done < <(changed_live sentinel.conf "$hash")
  reply=$(sentinel_here SENTINEL SET "$master_name" quorum "$quorum") ||
    die "SENTINEL SET quorum was refused: $reply; correct redis-cluster:quorum, then run pulumi up again"
  if same_users "$hash" sentinel-users.acl; then return; fi
  apply_users "${sentinel_address[$self]}" "${sentinel_port[$self]}" sentinel-users.acl
  password=$(secret "$releases/$release/secrets" sentinel)
  reply=$(printf 'SENTINEL SET %s auth-pass %s\nSENTINEL CONFIG SET sentinel-pass %s\n' "$master_name" "$password" "$password" |
    sentinel_here) || true
  [[ $reply == OK$'\n'OK ]] || die "the sentinel refused its new password: $reply; run pulumi up again"
  did "changed users"
}

# The daemon now runs with all that the release says: the next start composes from it too.
adopt_release() {
  switch_release
  # As redis, whose directory it is, and who may have left a link there.
  forget_release "$1"
  "${as_redis[@]}" tee "$run/$1/release" <<<"$release" >/dev/null 9>&-
  did "nothing restarted"
}

# Redis owns the directory; a file that cannot be removed is no release's name either.
forget_release() {
  "${as_redis[@]}" rm -rf "$run/$1/release" 9>&- || true
}
