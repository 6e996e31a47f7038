# shellcheck shell=bash
# Composes the file that the sentinel runs with; ExecStartPre of redis-sentinel.service, as user redis.
# Sentinel keeps what it knows in the file it runs with, so that part is carried over; it waits for no node.

# sentinel_text DIR ADDRESS PORT: the sentinel's file, from the release in DIR, watching that master.
# Wants the members loaded.
sentinel_text() {
  printf 'sentinel monitor %s %s %s %s\n' "$master_name" "$2" "$3" "$quorum"
  cat "$1/sentinel.conf"
  printf '\nsentinel auth-user %s sentinel\nsentinel auth-pass %s %s\n' \
    "$master_name" "$master_name" "$(secret "$1/secrets" sentinel)"
  printf 'sentinel sentinel-user sentinel\nsentinel sentinel-pass %s\n' "$(secret "$1/secrets" sentinel)"
  tls_text "$1"
  users_text "$1" sentinel-users.acl
}

verb_compose_sentinel() {
  local text name
  refuse_root
  load_release
  read_own_state
  ask_everybody sentinel
  decide_watched || die "$why. Retried every time systemd starts this unit; look at the members named above"
  text=$(sentinel_text "$release" "${watched% *}" "${watched#* }")
  text+=$'\n'"sentinel config-epoch $master_name $config_epoch"
  # A sentinel that does not know the replicas cannot fail over, and learns them only after ten seconds.
  for name in "${node_names[@]}"; do
    [[ "${node_address[$name]} ${node_port[$name]}" == "$watched" ]] ||
      text+=$'\n'"sentinel known-replica $master_name ${node_address[$name]} ${node_port[$name]}"
  done
  if ((${#carried[@]})); then text+=$(printf '\n%s' "${carried[@]}"); fi
  put "$etc/redis-sentinel.conf" <<<"# composed from release ${release##*/}"$'\n'"$text"
  printf '%s\n' "${release##*/}" >"$run/sentinel/release"
  say "watches $watched: $why"
}

# read_own_state: from the last file, if it watched a member under this master name: `own_watched`,
# `config_epoch`, and in `carried` the lines to keep: the id, the other epochs, the other sentinels. Redis
# writes that file, so every line is taken apart and written anew; everything else in it is dropped.
read_own_state() {
  local file=$etc/redis-sentinel.conf line word place
  own_watched='' config_epoch=0 carried=()
  [[ -f $file && -r $file ]] || return 0
  local id='^[0-9a-f]{40}$' number='^(0|[1-9][0-9]{0,17})$' lines=()
  while read -r -a line; do
    [[ ${line[0]:-} == sentinel ]] || continue
    word=${line[1]:-}
    case $word:${#line[@]} in
      monitor:6)
        # Two masters in one file were not written by this program.
        [[ ${line[2]} == "$master_name" && -z $own_watched ]] || { own_watched='' && break; }
        own_watched=$(node_place "${line[3]}" "${line[4]}")
        ;;
      myid:3) [[ ! ${line[2]} =~ $id ]] || lines+=("sentinel myid ${line[2]}") ;;
      current-epoch:3) [[ ! ${line[2]} =~ $number ]] || lines+=("sentinel current-epoch ${line[2]}") ;;
      config-epoch:4) [[ ! ${line[3]} =~ $number ]] || config_epoch=${line[3]} ;;
      leader-epoch:4) [[ ! ${line[3]} =~ $number ]] || lines+=("sentinel leader-epoch $master_name ${line[3]}") ;;
      known-sentinel:6)
        place=$(sentinel_place "${line[3]}" "${line[4]}")
        if is_other_sentinel "$place" && [[ ${line[5]} =~ $id ]]; then
          lines+=("sentinel known-sentinel $master_name $place ${line[5]}")
        fi
        ;;
    esac
  done <"$file"
  if is_node "$own_watched"; then
    carried=("${lines[@]}")
  else
    own_watched='' config_epoch=0
  fi
}

is_other_sentinel() {
  local name
  for name in "${sentinel_names[@]}"; do
    [[ $name == "$self" || "${sentinel_address[$name]} ${sentinel_port[$name]}" != "$1" ]] || return 0
  done
  return 1
}

# decide_watched: sets `watched` to the "ADDRESS PORT" of the master to watch, `config_epoch` to go with it,
# and `why`; returns 1, with `why`, when it is undecided.
decide_watched() {
  hear_sentinels "$own_watched"
  if operator_lets_lead; then
    watched="${node_address[$self]} ${node_port[$self]}"
    # The other sentinels take the master over from the one that has the highest epoch.
    config_epoch=$(($(highest_epoch) + 1))
    carried+=("sentinel current-epoch $config_epoch")
    why='the operator made this node lead'
    return
  fi
  if ((named_by_majority)) && { [[ -z $own_watched ]] || ((named_epoch >= config_epoch)); }; then
    watched=$named
    config_epoch=$named_epoch
    why='a majority of the other sentinels names it'
    return
  fi
  if [[ -n $own_watched ]]; then
    watched=$own_watched
    why='my last file says so'
    return
  fi
  hear_nodes
  if watched=$(only_master 1); then
    why='it is the one master that has replicas'
  elif [[ ! -e $initialised ]] && watched=$(only_master 0); then
    why='the group was never whole, and it is the one master'
  else
    why="undecided: no majority of the other sentinels names a master, and no node alone is one. Asked: $(everything_heard)"
    return 1
  fi
}
