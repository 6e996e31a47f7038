# shellcheck shell=bash
# The stamp: the moment up to which the files of this node are known to hold everything, in seconds since 1970 by the
# clock of its master, and never lower than before. After an outage of all hosts it tells whose files are the newest.
# The times of the files do not: clocks differ, and Redis also writes files that hold nothing new.

# What Sentinel takes for the best rank is the lowest number above 0. A node ranks by its stamp until it is linked, and
# here, above any rank by a stamp until the end of 2037, while it is linked and only its memory is up to date.
unsaved_rank=10000000

# What a replica got in these last seconds may not be in its stamp yet.
stamp_delay=5

# --- reading ----------------------------------------------------------------------------------

# read_stamp: sets `stamp` and `stamp_file`, or both to ''. Two files take turns: one is whole if the host loses power
# while the other is written.
read_stamp() {
  local file text
  stamp='' stamp_file=''
  for file in "$data"/stamp.{0,1}; do
    text=$(redis_file "$file") || continue
    [[ $text =~ ^[1-9][0-9]{8,9}$ ]] || continue
    if ((text < 2147483647 && text > ${stamp:-0})); then stamp=$text stamp_file=$file; fi
  done
}

# loaded_files CONF: the files that Redis would load, one a line.
loaded_files() {
  local dir name
  dir=$(setting "$1" dir "$data")
  if [[ $(setting "$1" appendonly no) != yes ]]; then
    printf '%s\n' "$dir/$(setting "$1" dbfilename dump.rdb)"
    return
  fi
  dir+=/$(setting "$1" appenddirname appendonlydir)
  name=$(setting "$1" appendfilename appendonly.aof)
  redis_file "$dir/$name.manifest" | awk -v dir="$dir" '$6 == "b" || $6 == "i" { print dir "/" $2 }'
}

# files_written CONF: when they were last written, by this host's clock; nothing when there are none.
files_written() {
  local file
  while read -r file; do stat -c %Y "$file" 2>/dev/null || true; done < <(loaded_files "$1") | sort -n | tail -n 1
}

# unsaved_aof CONF: the file that Redis writes after a full sync until the base of a new AOF is written. A process that
# dies meanwhile leaves it, and an AOF from before that sync, which the next start would load.
unsaved_aof() {
  printf '%s/%s/temp-%s.incr' "$(setting "$1" dir "$data")" "$(setting "$1" appenddirname appendonlydir)" \
    "$(setting "$1" appendfilename appendonly.aof)"
}

# files_outdated CONF: whether what Redis would load is older than what this node held when it ended.
files_outdated() {
  local rdb
  if [[ $(setting "$1" appendonly no) == yes ]]; then
    [[ -e $(unsaved_aof "$1") ]]
  else
    read_stamp
    rdb=$(loaded_files "$1")
    [[ -n $stamp_file ]] && ! saved_since "$stamp_file" "$rdb"
  fi
}

# saved_since FILE RDB: whether the RDB was begun, and written, after FILE. What came in while it was being written is
# not in it.
saved_since() {
  local head
  [[ ! $1 -nt $2 ]] || return 1
  head=$(head -c 256 "$2" 2>/dev/null | od -An -v -tx1 | tr -d ' \n') || return 1
  # "ctime" and a number of four bytes, the lowest first.
  [[ $head =~ 6374696d65c2(..)(..)(..)(..) ]] &&
    ((16#${BASH_REMATCH[4]}${BASH_REMATCH[3]}${BASH_REMATCH[2]}${BASH_REMATCH[1]} >= $(stat -c %Y "$1")))
}

# files_as_of CONF: the moment up to which they hold everything; by their times where this node has no stamp yet.
files_as_of() {
  local written as_of
  written=$(files_written "$1")
  read_stamp
  as_of=${stamp:-${written:-0}}
  if [[ -n $stamp && -n $written && $(setting "$1" appendonly no) != yes ]] && files_outdated "$1"; then
    as_of=$((stamp - $(stat -c %Y "$stamp_file") + written))
  fi
  echo "$as_of"
}

# files_rank CONF: the newest files have the lowest.
files_rank() {
  local rank
  rank=$((2147483647 - $(files_as_of "$1")))
  if ((rank <= unsaved_rank)); then rank=$((unsaved_rank + 1)); fi
  if ((rank > 2147483647)); then rank=2147483647; fi
  echo "$rank"
}

# settle_files CONF: from the start that follows on this node holds what it loads, and no more.
settle_files() {
  files_outdated "$1" || return 0
  if [[ $(setting "$1" appendonly no) == yes ]]; then
    rm -f "$(unsaved_aof "$1")"
  else
    lower_stamp "$(files_as_of "$1")"
    touch -r "$(loaded_files "$1")" "$data/stamp.0" 2>/dev/null || true
  fi
}

# A master that is to follow another was failed over when it was away. It ranks behind every replica that was linked
# up to then: since then they may have got more than their stamps tell.
step_back() {
  [[ $role != master && $(last_role) == master ]] || return 0
  read_stamp
  if [[ -n $stamp ]]; then lower_stamp $((stamp - stamp_delay)); fi
}

# lower_stamp MOMENT: the time of the file stays.
lower_stamp() {
  local written
  read_stamp
  written=$(stat -c %y "$stamp_file")
  printf '%s\n' "$1" >"$data/stamp.part"
  touch -d "$written" "$data/stamp.part"
  rm -f "$data"/stamp.{0,1}
  mv "$data/stamp.part" "$data/stamp.0"
}

# --- writing ----------------------------------------------------------------------------------

# verb restore-priority: ExecStartPost of redis-cluster.service. Goes on behind the node for as long as it runs, once a
# second: stamps, and takes the rank back when the node is linked. A stop of the unit ends it.
verb_restore_priority() {
  refuse_root
  keep_stamp </dev/null >/dev/null 2>&1 &
}

# verb keep-stamp: the same in front, for a node that an older program has started.
verb_keep_stamp() {
  refuse_root
  keep_stamp
}

keep_stamp() {
  local lock
  exec {lock}>"$run/node/stamping"
  flock -n "$lock" || return 0
  # Without the directory, which goes with the unit, there is no node to stamp.
  until (stamp_while_up) || [[ ! -d $run/node ]]; do sleep 1; done
}

# stamping: whether somebody stamps for the node that runs here.
stamping() {
  ! "${as_redis[@]}" flock -n "$run/node/stamping" true 9>&-
}

ensure_stamping() {
  if [[ ! -e $current/redis.conf ]] || stamping; then return; fi
  systemctl reset-failed redis-cluster-stamp.service 2>/dev/null || true
  systemd-run --quiet --collect --unit=redis-cluster-stamp --uid=redis --gid=redis \
    --property={BindsTo,After}=redis-cluster.service --property=Restart=always --property=RestartSec=1 \
    --property=NoNewPrivileges=yes --property=ProtectSystem=strict \
    --property="ReadWritePaths=$data $run/node" "$programs/redis-cluster" keep-stamp
}

# It keeps a connection to this node and one to its master: new ones each second would cost a hundred times as much.
# Ends with the directory that systemd takes away when the unit stops.
stamp_while_up() {
  local tick wait_for settled='' stamped='' ahead=0 since='' moment='' offset=0 master='' unsaved least said=()
  local -A line_pid=() line_in=() line_out=()
  trap '' PIPE
  load_release
  read_stamp
  unsaved=$(unsaved_aof "$release/redis.conf")
  least=$(setting "$release/redis.conf" min-replicas-to-write 0)
  exec {tick}<> <(:)
  while [[ -d $run/node ]]; do
    # Once it is linked a replica soon has more than the others, and its rank is not one by its stamp any more.
    if [[ -n $stamped ]]; then wait_for=1; else wait_for=0.2; fi
    read -r -t "$wait_for" -u "$tick" || true
    if ! exchange here "$node_address_here" "$node_port_here" ROLE; then
      settled='' moment='' stamped=''
      load_release
    elif [[ ${said[0]} == master ]]; then
      stamp_master
    elif [[ ${said[0]} == slave && ${said[3]:-} == connected ]]; then
      stamp_replica
    else
      settled='' moment='' stamped=''
    fi
  done
  close_line here
  close_line master
}

stamp_master() {
  local text good=''
  if ! settle; then return; fi
  stamped=1
  exchange here "$node_address_here" "$node_port_here" TIME 'INFO replication' || return 0
  for text in "${said[@]}"; do
    if [[ $text =~ ^min_slaves_good_slaves:([0-9]{1,4})$ ]]; then good=${BASH_REMATCH[1]}; fi
  done
  if [[ $least == 0 ]] || ((${good:-0} >= least)); then stamp_at "${said[0]}" here; fi
}

# A stamp is what the master's clock said when the master was as far as this replica is now.
stamp_replica() {
  local host=${said[1]} port=${said[2]} now=${said[4]:-}
  if ! settle; then
    moment=''
    return
  fi
  if [[ "$host $port" != "$master" ]]; then
    close_line master
    master="$host $port" moment='' stamped=''
  fi
  if [[ -n $moment && $now =~ ^[0-9]{1,18}$ ]] && ((now >= offset)); then
    stamp_at "$moment" "$master"
    moment='' stamped=1
  fi
  if [[ -n $moment ]] || ! is_node "$(node_place "$host" "$port")"; then return; fi
  if exchange master "$host" "$port" TIME ROLE &&
    [[ ${said[2]:-} == master && ${said[3]:-} =~ ^[0-9]{1,18}$ ]]; then
    moment=${said[0]} offset=${said[3]}
  fi
}

# stamp_at TIME CLOCK: after a failover to a master whose clock is behind, the stamps go on from where they were.
stamp_at() {
  local next turn=0
  [[ $1 =~ ^[1-9][0-9]{8,9}$ ]] || return 0
  if [[ $2 != "$since" ]]; then since=$2 ahead=0; fi
  if [[ -n $stamp ]] && (($1 + ahead + 2 < stamp)); then ahead=$((stamp + 1 - $1)); fi
  next=$(($1 + ahead))
  if [[ -n $stamp ]] && ((next <= stamp)); then return; fi
  if [[ $stamp_file == *.0 ]]; then turn=1; fi
  if printf '%s\n' "$next" >"$data/stamp.$turn"; then stamp=$next stamp_file=$data/stamp.$turn; fi
}

# settle: 0 once the node has its own priority again and its files hold what it holds.
settle() {
  local wanted role=("${said[@]}")
  if [[ -e $unsaved ]]; then
    wanted=$unsaved_rank
  elif [[ $settled == own ]]; then
    return 0
  else
    wanted=own
    # A rewrite that failed is begun again, and there is no such file in between.
    exchange here "$node_address_here" "$node_port_here" 'INFO persistence' || return 1
    case $'\n'$(printf '%s\n' "${said[@]}") in
      *$'\n'loading:1* | *$'\n'aof_rewrite_scheduled:1* | *$'\n'aof_last_bgrewrite_status:err*) wanted=$unsaved_rank ;;
    esac
  fi
  if [[ $wanted != "$settled" ]]; then
    load_release
    if [[ $wanted == own || $(setting "$release/redis.conf" replica-priority 100) == 0 ]]; then
      exchange here "$node_address_here" "$node_port_here" "CONFIG SET replica-priority $(setting "$release/redis.conf" replica-priority 100)"
    else
      exchange here "$node_address_here" "$node_port_here" "CONFIG SET replica-priority $wanted"
    fi || return 1
    [[ ${said[0]:-} == OK ]] || return 1
    settled=$wanted
  fi
  said=("${role[@]}")
  [[ $wanted == own ]]
}

# exchange LINE ADDRESS PORT COMMAND...: what the daemon answers, line by line, in `said`, over a connection that
# stays open.
exchange() {
  local which=$1 text end=$RANDOM$RANDOM$RANDOM
  said=()
  if [[ -z ${line_pid[$which]:-} ]]; then open_line "$which" "$2" "$3"; fi
  shift 3
  if printf '%s\n' "$@" "ECHO $end" >&"${line_in[$which]}"; then
    while read -r -t "$ask_timeout" -n 512 text <&"${line_out[$which]}"; do
      text=${text%$'\r'}
      if [[ $text == "$end" ]]; then return 0; fi
      said+=("$text")
      ((${#said[@]} < 500)) || break
    done
  fi
  close_line "$which"
  return 1
}

open_line() {
  local fd
  coproc talk {
    for fd in "${line_in[@]}" "${line_out[@]}"; do exec {fd}>&-; done
    ulimit -v "$ask_memory"
    REDISCLI_AUTH=$operator_password exec redis-cli --user operator --no-auth-warning -h "$2" -p "$3" "${tls_options[@]}"
  }
  line_pid[$1]=$!
  exec {fd}<&"${talk[0]}"
  line_out[$1]=$fd
  exec {fd}>&"${talk[1]}"
  line_in[$1]=$fd
  for fd in "${talk[@]}"; do exec {fd}>&-; done
}

close_line() {
  local fd
  [[ -n ${line_pid[$1]:-} ]] || return 0
  for fd in "${line_in[$1]}" "${line_out[$1]}"; do exec {fd}>&-; done
  kill "${line_pid[$1]}" || true
  wait "${line_pid[$1]}" || true
  unset "line_pid[$1]" "line_in[$1]" "line_out[$1]"
}
