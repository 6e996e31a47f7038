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
  local text name found watched lead word rest
  refuse_root
  load_release
  read_own_state
  lead=$(whether operator_lets_lead)
  found=$(ask_group watch "$release" "$own_watched" "$config_epoch" "$(whether test -e "$initialised")" "$lead")
  read -r watched <<<"$found"
  config_epoch=${watched##* } watched=${watched% *}
  while read -r word rest; do
    case $word in
      myid) carried+=("sentinel myid $rest") ;;
      known-sentinel) carried+=("sentinel known-sentinel $master_name $rest") ;;
    esac
  done <<<"$found"
  text=$(sentinel_text "$release" "${watched% *}" "${watched#* }")
  text+=$'\n'"sentinel config-epoch $master_name $config_epoch"
  # A sentinel that does not know the replicas cannot fail over, and learns them only after ten seconds.
  for name in "${node_names[@]}"; do
    [[ "${node_address[$name]} ${node_port[$name]}" == "$watched" ]] ||
      text+=$'\n'"sentinel known-replica $master_name ${node_address[$name]} ${node_port[$name]}"
  done
  if [[ $lead == yes ]]; then carried+=("sentinel current-epoch $config_epoch"); fi
  if ((${#carried[@]})); then text+=$(printf '\n%s' "${carried[@]}"); fi
  put "$etc/redis-sentinel.conf" <<<"# composed from release ${release##*/}"$'\n'"$text"
  printf '%s\n' "${release##*/}" >"$run/sentinel/release"
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
