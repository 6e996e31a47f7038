# shellcheck shell=bash
# The steps of a rollout on this host. Each compares what runs with what is staged, does what is
# owed and nothing else, and prints one line of what that was, with a fresh id, on which the next step runs.

# How long a started daemon may take to serve, and the group to be whole again, in seconds.
start_limit=60
whole_limit=60

take_lock() {
  exec 9>"$root/run/redis-cluster.lock"
  flock -w 120 9 || die "another run has held $root/run/redis-cluster.lock for two minutes; wait for it, then run pulumi up again"
}

# Reads all of stdin: a provider that still has something to send takes an early end for a failure.
begin_step() {
  step_input=$(cat) work=''
  take_lock
  refuse_planted
  load_members "$staged/members"
  operator_password=$(secret "$staged/secrets" operator)
  refuse_tls_leap
  refuse_other_authority
  mend_release
  refuse_lost_passwords
  refuse_changed_creation
}

# did TEXT: notes what this step has done.
did() {
  work+="${work:+; }$*"
}

# The step's last word is what the run's output shows of it.
end_step() {
  printf '%s [%s]\n' "${work:-nothing owed}" "$(fresh_id | cut -c 1-8)" | printable
}

# verb node-start (proofs on stdin): brings up the node if it is down, and takes back what was set in it by hand.
verb_node_start() {
  local chosen
  begin_step
  chosen=$(choose_bootstrap "$step_input")
  if [[ -n $chosen ]]; then place 0644 "$bootstrap" <<<"$chosen"; fi
  rm -f "$data/retired-master"
  if [[ -e $current/secrets ]]; then
    operator_password=$(operator_login)
    refuse_clients_left
    accept_passwords
    operator_password=$(secret "$staged/secrets" operator)
    prepare_tls_change
  fi
  if role_deployed; then
    admit_users
    did "the Ansible role's daemons know this program's users"
  fi
  # Sentinels wait for no node, but a node that was lost with its machine waits for their word.
  if [[ -e $initialised ]] && has_sentinel && ! running redis-sentinel.service; then
    systemctl start --no-block redis-sentinel.service 2>/dev/null || true
  fi
  if ! running redis-cluster.service; then
    make_release
    switch_release
    start_unit redis-cluster.service
    # Linked replicas are what the first sentinels should see; a large first sync goes on by itself.
    wait_linked || true
    did "started as $(role_here)"
  else
    enable_unit redis-cluster.service
    apply_firewall
    repair_node
  fi
  end_step
}

# verb sentinel-start: brings up the sentinel if it is down, on the release that the node runs, and takes back
# what was set in it by hand.
verb_sentinel_start() {
  begin_step
  if role_deployed; then
    use_logins
    did "the Ansible role's daemons log in as this program's users"
  fi
  if owes_move_to_tls; then
    move_to_tls
  elif ! running redis-sentinel.service; then
    # The release that the node runs is from before this host had a sentinel.
    if [[ ! -e $current/redis-sentinel.service ]]; then enter_rollout; fi
    start_unit redis-sentinel.service
    did started
  else
    enable_unit redis-sentinel.service
    repair_sentinel
  fi
  disarm_return
  end_step
}

# verb sentinel-stop: the first step of a restart on this host. All that can refuse is done before.
verb_sentinel_stop() {
  begin_step
  if role_deployed; then mend_addresses; fi
  if restart_owed; then
    if [[ $node_owed == restart ]] && is_master; then
      did "let be, with the master: its turn is last"
    else
      enter_rollout
      stop_sentinel
      did stopped
    fi
  fi
  end_step
}

# verb node-roll: the node takes what is staged. A master that must restart is left for node-roll-master.
verb_node_roll() {
  begin_step
  find_owed
  case $node_owed in
    live)
      make_release
      apply_node_live
      adopt_release node
      ;;
    restart)
      if is_master; then
        did "let be: the master, whose turn is last"
      else
        # A sentinel that runs tells that no sentinel-stop came before in this run, and so no gate.
        if ! has_sentinel || running redis-sentinel.service; then enter_rollout; fi
        restart_node
      fi
      ;;
  esac
  if ! has_sentinel && turn_not_over "$node_owed"; then end_turn; fi
  end_step
}

# verb sentinel-roll: brings the sentinel to what is staged, running.
verb_sentinel_roll() {
  begin_step
  find_owed
  if ! running redis-sentinel.service; then
    start_unit redis-sentinel.service
    did started
  elif [[ $sentinel_owed == live ]]; then
    make_release
    apply_sentinel_live
    adopt_release sentinel
  elif [[ $sentinel_owed == restart ]] && ! { [[ $node_owed == restart ]] && is_master; }; then
    enter_rollout
    stop_sentinel
    start_unit redis-sentinel.service
    did restarted
  fi
  disarm_return
  if turn_not_over "$sentinel_owed"; then end_turn; fi
  end_step
}

# verb node-roll-master: what was left because this node was the master in its turn.
verb_node_roll_master() {
  begin_step
  find_owed
  if [[ $node_owed == restart ]]; then
    enter_rollout
    if is_master; then
      handover
      did "handed over to $new_address:$new_port"
    fi
    stop_sentinel
    restart_node
    if has_sentinel; then start_unit redis-sentinel.service; fi
    disarm_return
    end_turn
  fi
  end_step
}

# A release is what is staged, copied whole and accepted by the very binaries that will read it.
make_release() {
  local temporary
  release=$(release_hash "$staged")
  if intact_release "$release"; then return; fi
  temporary=$(mktemp -d "$releases/.XXXXXX")
  cp -p "$staged"/* "$temporary/" || die "cannot copy $staged; free some space, then run pulumi up again"
  chown root:redis "$temporary"
  chmod 0750 "$temporary"
  if ! validate_release "$temporary" || ! validate_firewall "$temporary"; then
    rm -rf "$temporary"
    die "what is staged was refused by $(redis-server --version | cut -d' ' -f1-3); nothing that runs was touched. Correct the setting named above in the stack's configuration, then run pulumi up again"
  fi
  sync -f "$temporary"
  if [[ -d $releases/$release ]]; then mv "$releases/$release" "$releases/.edited.$release"; fi
  mv "$temporary" "$releases/$release"
  rm -rf "$releases/.edited.$release"
}

intact_release() {
  [[ -d $releases/$1 && $(release_hash "$releases/$1") == "$1" ]]
}

# A current release in which somebody has edited a file is made anew, where it is the one that is staged.
mend_release() {
  local release
  if [[ $(readlink "$current") == "releases/$(release_hash "$staged")" ]]; then make_release; fi
}

# Settings that the data were written with: with another value Redis would start without them, or not at all.
refuse_changed_creation() {
  local name was now
  [[ -e $initialised && -e $current/redis.conf ]] || return 0
  for name in appendonly appendfilename appenddirname dbfilename databases; do
    was=$(setting "$current/redis.conf" "$name" '') now=$(setting "$staged/redis.conf" "$name" '')
    if [[ $was == "$now" ]] || [[ $name == databases && "$was $now" =~ ^[0-9]{1,9}\ [0-9]{1,9}$ && $now -ge $was ]]; then continue; fi
    die "redis-cluster:redis.$name is $now; expected $was, which the data were written with. Set it back, then run pulumi up again; nothing was stopped and nothing made live"
  done
}

release_hash() {
  (cd "$1" && sha256sum -- * | sha256sum | cut -c 1-16)
}

# Makes the release the one that the next start of either daemon is composed from.
switch_release() {
  local now
  now=$(readlink "$current" || true)
  if [[ $now == "releases/$release" ]]; then return; fi
  if [[ -n $now ]]; then point_link previous "$now"; fi
  point_link current "releases/$release"
  apply_firewall
}

point_link() {
  ln -sfn "$2" "$releases/.$1.new"
  mv -fT "$releases/.$1.new" "$managed/$1"
  sync -f "$managed"
}

running() {
  [[ $(systemctl is-active "$1") == active ]]
}

# Installs the release's unit where it differs; a unit that is not the release's is never started.
install_unit() {
  local path file
  own_runtime_directory "$1"
  while read -r path; do rm -f "$path"; done < <(drop_ins "$1")
  file=$(unit_file "$current" "$1")
  if ! cmp -s "$file" "$unit_directory/$1"; then
    install -m 0644 "$file" "$unit_directory/.$1.new"
    mv -f "$unit_directory/.$1.new" "$unit_directory/$1"
  fi
  systemctl daemon-reload
  enable_unit "$1"
}

# unit_file DIR UNIT: the unit of the release in DIR. Where an administrator installed the program, root starts the
# units that came with it, and no others.
unit_file() {
  if [[ -d $programs/units ]]; then printf '%s' "$programs/units/$2"; else printf '%s' "$1/$2"; fi
}

enable_unit() {
  systemctl is-enabled --quiet "$1" || systemctl enable --quiet "$1"
}

# installed_unit UNIT: whether the staged unit, and nothing beside it, is what systemd goes by.
installed_unit() {
  cmp -s "$(unit_file "$staged" "$1")" "$unit_directory/$1" && [[ -z $(drop_ins "$1") ]]
}

# drop_ins UNIT: the files by which somebody changes this unit alone.
drop_ins() {
  local directory
  for directory in "$root"/{etc,run}/systemd/system{,.control,.attached}/"$1.d"; do
    if [[ -d $directory ]]; then find "$directory" -name '*.conf'; fi
  done
}

start_unit() {
  local unit=$1 since deadline=$((SECONDS + start_limit))
  since=$(date +%s)
  install_unit "$unit"
  systemctl reset-failed "$unit" 2>/dev/null || true
  systemctl start --no-block "$unit" 2>/dev/null || true
  until running "$unit"; do
    if [[ $(field "$(here INFO persistence)" loading) == 1 ]]; then deadline=$((SECONDS + start_limit)); fi
    ((SECONDS < deadline)) ||
      die "$unit is $(systemctl is-active "$unit") after $start_limit s; expected active. It said: $(journalctl -u "$unit" --since "@$since" -o cat -n 8 --no-pager | tr '\n' ';'). Look at journalctl -u $unit, then run pulumi up again"
    sleep 0.1
  done
}

disarm_return() {
  systemctl stop redis-sentinel-return.timer 2>/dev/null || true
  systemctl reset-failed redis-sentinel-return.service 2>/dev/null || true
}

# By the unit that starts it again: the Ansible role's would take the runtime directory of both daemons along.
stop_sentinel() {
  has_sentinel || return 0
  install_unit redis-sentinel.service
  disarm_return
  systemd-run --quiet --on-active="$sentinel_return" --unit=redis-sentinel-return \
    --timer-property=AccuracySec=1s systemctl start redis-sentinel.service
  systemctl stop redis-sentinel.service
}

# --- what is owed -----------------------------------------------------------------------------

# Sets node_owed and sentinel_owed to none, live or restart.
find_owed() {
  node_owed=$(owed node redis-cluster.service redis.conf)
  sentinel_owed=none
  if has_sentinel; then sentinel_owed=$(owed sentinel redis-sentinel.service sentinel.conf); fi
}

restart_owed() {
  find_owed
  [[ $node_owed == restart || $sentinel_owed == restart ]]
}

# The release that a running daemon was composed from; empty when there is no telling.
running_release() {
  local hash
  hash=$(redis_file "$run/$1/release") || true
  if [[ $hash =~ ^[0-9a-f]{16}$ && -d $releases/$hash ]]; then printf '%s' "$hash"; fi
}

owed() {
  local daemon=$1 unit=$2 conf=$3 hash
  hash=$(running_release "$daemon")
  if ! running "$unit" || [[ -z $hash ]]; then
    printf restart
  elif [[ $(release_hash "$staged") == "$hash" ]] && installed_unit "$unit" && same_binary "$unit"; then
    printf none
  elif cmp -s <(restart_part "$staged/$conf") <(restart_part "$releases/$hash/$conf") &&
    installed_unit "$unit" && same_binary "$unit" &&
    [[ $(live_names "$staged/$conf") == "$(live_names "$releases/$hash/$conf")" ]] &&
    { [[ $daemon == node ]] || same_certificate "$hash"; }; then
    printf live
  else
    printf restart
  fi
}

# A package upgrade replaces the file that the running daemon was started from.
same_binary() {
  [[ $(readlink "/proc/$(systemctl show -p MainPID --value "$1")/exe") != *' (deleted)' ]]
}

restart_part() {
  sed '/^# live:/,$d' "$1"
}

live_part() {
  sed '1,/^# live:/d; /^#/d; /^$/d' "$1"
}

live_names() {
  live_part "$1" | awk '{ print ($1 == "sentinel" ? $2 : $1) }' | sort -u
}

# --- doing it ---------------------------------------------------------------------------------

# Nothing that runs is stopped before the new release is accepted and the group is whole.
enter_rollout() {
  refuse_full_disk
  make_release
  start_what_is_down
  if running redis-cluster.service; then refuse_evicting_maxmemory; fi
  if running redis-cluster.service || running redis-sentinel.service; then gate; fi
  switch_release
}

# What an interrupted run has left down on this host would keep the gate red.
start_what_is_down() {
  if ! running redis-cluster.service; then start_unit redis-cluster.service; fi
  if has_sentinel && [[ -e $current/redis-sentinel.service ]] && ! running redis-sentinel.service; then
    start_unit redis-sentinel.service
  fi
}

is_master() {
  local role
  role=$(field "$(here INFO replication)" role)
  if [[ -z $role ]] && running redis-cluster.service; then
    die "the node runs but does not tell its role; expected an answer within $ask_timeout s. Look at it with 'redis-cluster gate', then run pulumi up again"
  fi
  [[ $role == master ]]
}

restart_node() {
  install_unit redis-cluster.service
  if running redis-cluster.service; then
    # A node that is stopped on a full disk does not start again.
    refuse_full_disk
    wait_persistence_idle
    systemctl stop redis-cluster.service
  fi
  start_unit redis-cluster.service
  wait_linked || die "the restarted node is not linked to a master after $start_limit s; run 'redis-cluster gate' here, then pulumi up again"
  did "restarted as $(role_here)"
}

role_here() {
  local info
  info=$(here INFO replication)
  if [[ $(field "$info" role) == slave ]]; then
    printf 'replica of %s:%s' "$(field "$info" master_host)" "$(field "$info" master_port)"
  else
    field "$info" role
  fi
}

# A SIGTERM during the first AOF write is lost, so no stop before persistence is idle.
wait_persistence_idle() {
  local info deadline=$((SECONDS + start_limit)) name busy
  while :; do
    info=$(here INFO persistence) || true
    busy=''
    for name in loading aof_rewrite_in_progress aof_rewrite_scheduled rdb_bgsave_in_progress; do
      if [[ $(field "$info" "$name") == 1 ]]; then busy+=" $name"; fi
    done
    if [[ -z $busy ]]; then return; fi
    ((SECONDS < deadline)) || die "still busy after $start_limit s:$busy; expected an idle node before its restart; run pulumi up again when it is done"
    sleep 0.1
  done
}

wait_linked() {
  local info deadline=$((SECONDS + start_limit))
  while :; do
    info=$(here INFO) || true
    if [[ $(field "$info" loading) == 0 ]]; then
      if [[ $(field "$info" role) == master ]]; then return; fi
      if [[ $(field "$info" master_link_status) == up && $(field "$info" master_sync_in_progress) == 0 ]]; then return; fi
    fi
    # A large data set takes its time; the step's own deadline bounds it.
    if [[ $(field "$info" loading) == 1 || $(field "$info" master_sync_in_progress) == 1 ]]; then
      deadline=$((SECONDS + start_limit))
    fi
    ((SECONDS < deadline)) || return 1
    sleep 0.1
  done
}

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
    before=$(here CONFIG GET '*')
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
  reply=$(printf 'CONFIG SET masterauth %s\n' "$(secret "$releases/$release/secrets" replication)" | here)
  [[ $reply == OK ]] || die "CONFIG SET masterauth was refused: $reply; run pulumi up again"
  did "changed users"
}

# A limit below what is in use would throw keys away at once, where the policy is to evict.
refuse_evicting_maxmemory() {
  local conf=$releases/$release/redis.conf limit used
  limit=$(plain_value "$(setting "$conf" maxmemory 0)")
  used=$(field "$(here INFO memory)" used_memory)
  # A number and nothing else: what a shell takes for arithmetic it may run. Whether the node answers is the gate's.
  [[ $used =~ ^[0-9]{1,18}$ && $limit =~ ^[0-9]{1,18}$ ]] || return 0
  if ((limit > 0 && limit < used)) && [[ $(setting "$conf" maxmemory-policy noeviction) != noeviction ]]; then
    die "redis-cluster:redis.maxmemory is $limit bytes, below the $used in use, and maxmemory-policy would evict keys; expected more, or the policy noeviction first. Nothing was changed on this host"
  fi
}

# read_back BEFORE NAME VALUE...: Redis writes some values in its own way, so what counts is that it has
# the wanted value or at least another than before.
read_back() {
  local before=$1 seen was
  shift
  while (($#)); do
    seen=$(here CONFIG GET "$1" | sed -n 2p)
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

wait_whole() {
  local deadline=$((SECONDS + whole_limit)) problems
  while :; do
    problems=$(group_problems)
    if [[ -z $problems ]] || overridden "$problems"; then return; fi
    ((SECONDS < deadline)) || die "the group is not whole after $whole_limit s:"$'\n'"$problems"$'\n'"Run 'redis-cluster gate' on a host to look again, then pulumi up"
    sleep 0.3
  done
}

# turn_not_over OWED: whether something was owed in this turn, or the group has not been whole yet.
turn_not_over() {
  [[ $1 != none || ! -e $initialised ]]
}

# The next host's turn begins on a group that is whole, which can never be bootstrapped again.
end_turn() {
  wait_whole
  place 0644 "$initialised" </dev/null
  rm -f "$bootstrap"
  prune_releases
}

prune_releases() {
  local directory name keep
  keep=" $(basename "$(readlink "$current")") $(basename "$(readlink "$previous" || true)") $(running_release node) $(running_release sentinel) "
  for directory in "$releases"/* "$releases"/.??*; do
    name=${directory##*/}
    if [[ -d $directory && $keep != *" $name "* ]]; then rm -rf "$directory"; fi
  done
}
