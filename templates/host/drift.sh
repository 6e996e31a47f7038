# shellcheck shell=bash
# What somebody changed by hand, found and put right: services, units, files, and what was set in the running
# daemons. What Sentinel owns (roles, epochs, the members it knows, a replica's rank) is never drift.

# A failover reaches every sentinel, and a linked replica loses its rank, within this many seconds.
settle_time=3

# verb drift: a line "HOST SETTING: wanted ..., seen ..." for each difference; nothing where there is none.
# Changes nothing.
verb_drift() {
  local setting wanted seen
  load_release
  {
    file_drift
    service_drift node redis-cluster.service
    if running redis-cluster.service && ! stamping; then
      compare 'redis-cluster.service, its stamps' 'once a second' none
    fi
    firewall_drift
    node_drift
    if has_sentinel; then
      service_drift sentinel redis-sentinel.service
      sentinel_drift
    fi
  } | while IFS=$'\x1f' read -r setting wanted seen; do
    case $setting in
      *pass | *auth) wanted='the deployed password' seen='another' ;;
    esac
    printf '%s %s: wanted %.200s, seen %.200s\n' "$self" "$setting" "${wanted:-\"\"}" "${seen:-\"\"}"
  done
}

# compare SETTING WANTED SEEN: one line, its parts divided by \x1f, where they differ.
compare() {
  [[ $2 == "$3" ]] || printf '%s\x1f%s\x1f%s\n' "$1" "$2" "$3"
}

# --- files ------------------------------------------------------------------------------------

# What is staged is the current release in every file, and the name of a release is the hash of its files.
file_drift() {
  local name wanted=$release edited=$staged
  while read -r name; do
    compare "$programs/${name%%:*}" 'as deployed' 'edited or missing'
  done < <(cd "$programs" && sha256sum --check --quiet sums 2>/dev/null)
  [[ $release == "$(readlink -f "$current")" ]] || compare "$current" 'a complete release' "${release##*/} in its place"
  if [[ $(release_hash "$release") != "${release##*/}" ]]; then
    edited=$release
    if [[ $(release_hash "$staged") == "${release##*/}" ]]; then wanted=$staged; fi
  fi
  while read -r name; do
    text_drift "$wanted/$name" "$edited/$name"
  done < <(cd "$wanted" && find . "$edited" -maxdepth 1 -type f -not -name '.*' -printf '%f\n' | sort -u)
}

# text_drift WANTED SEEN: of two files, the lines in which they differ.
text_drift() {
  if [[ ! -e $1 ]]; then
    compare "$2" none "$([[ ! -e $2 ]] && echo none || echo 'a file')"
  elif [[ ! -e $2 ]]; then
    compare "$2" 'a file' 'none'
  elif ! cmp -s "$1" "$2"; then
    case ${2##*/} in
      secrets | tls.key) compare "$2" 'as deployed' 'edited' ;;
      *) compare "$2" "$(only_in '<' "$1" "$2")" "$(only_in '>' "$1" "$2")" ;;
    esac
  fi
}

# only_in SIDE WANTED SEEN: the lines that diff marks with SIDE, as one. Whoever edited a file may have put a
# password into it.
only_in() {
  { diff "$2" "$3" || true; } | sed -n "s/^$1 //p" | sed -E 's/((pass|auth|secret)[^ =]*[ =]).*/\1.../I' | paste -sd ';' | grep . || echo 'no such line'
}

# --- services ---------------------------------------------------------------------------------

service_drift() {
  local unit=$2 path hash
  compare "$unit" active "$(systemctl is-active "$unit" || true)"
  compare "$unit" enabled "$(systemctl is-enabled "$unit" 2>/dev/null || true)"
  text_drift "$(unit_file "$release" "$unit")" "$unit_directory/$unit"
  while read -r path; do compare "$path" none 'a file'; done < <(drop_ins "$unit")
  hash=$(running_release "$1")
  if running "$unit"; then compare "$unit" "release ${release##*/}" "release ${hash:-unknown}"; fi
}

firewall_drift() {
  grep -q '^table' "$release/firewall.nft" 2>/dev/null || return 0
  compare redis-cluster-firewall.service active "$(systemctl is-active redis-cluster-firewall.service || true)"
  text_drift "$(unit_file "$release" redis-cluster-firewall.service)" "$unit_directory/redis-cluster-firewall.service"
  compare 'firewall rules' 'in force' "$(nft list table inet redis_cluster >/dev/null 2>&1 && echo 'in force' || echo none)"
}

# --- the node ---------------------------------------------------------------------------------

# node_drift: what was set in the running node. Compared with what the very binary makes of the release that
# the node was composed from, as Redis writes many a value in its own way.
node_drift() {
  local name wanted seen conf scratch reply
  running redis-cluster.service || return 0
  conf=$(composed_from node)/redis.conf
  [[ -r $conf ]] || return 0
  reply=$(printf 'CONFIG GET *\nACL LIST\n' | here) || true
  # The names come in any order. What is no answer is told by its first line: passwords are in an answer.
  if [[ $'\n'$reply != *$'\nmaxmemory\n'* ]]; then
    compare redis 'an answer' "$(head -n 1 <<<"$reply")"
    return
  fi
  scratch=$(mktemp -d)
  if as_released node "$scratch"; then
    while IFS=$'\x1f' read -r name wanted seen; do
      setting_drift
    done < <(join -t $'\x1f' <(settings_in <<<"$answered") <(settings_in <<<"$reply"))
    acl_drift redis "$answered" "$reply"
  else
    compare "${conf%/*}" 'a release that Redis accepts' 'refused'
  fi
  rm -rf "$scratch"
}

# composed_from DAEMON: the directory of the release that the running daemon was composed from.
composed_from() {
  echo "$releases/$(running_release "$1")"
}

# as_released DAEMON DIR: `answered` becomes what a daemon says of itself that was started, in DIR, on the release of
# the running one.
as_released() {
  local scratch=$2 directory questions=$'CONFIG GET *\nACL LIST' arguments=(--appendonly no --save '' --replicaof no one)
  directory=$(composed_from "$1")
  if [[ $1 == node ]]; then
    node_text "$directory" >"$scratch/conf"
  else
    questions='ACL LIST' arguments=(--sentinel)
    sentinel_text "$directory" 127.0.0.1 1 >"$scratch/conf"
  fi
  if ((EUID == 0)); then chown -R redis:redis "$scratch"; fi
  dry_run "the release that the $1 runs" "$scratch" "$([[ $1 == node ]] && echo 'eady to accept' || echo '+monitor master')" \
    "$scratch/conf" "${arguments[@]}"
}

# settings_in: a reply to CONFIG GET * (stdin), up to the users that follow, as lines "NAME\x1fVALUE".
settings_in() {
  sed '/^user /,$d' | paste -d $'\x1f' - - | sort
}

# Shares name, wanted, seen and conf with node_drift.
setting_drift() {
  case $name in
    # Sentinel's; another name of a setting; what is fixed at the start and differs in a dry run.
    replicaof | *slave* | *ziplist* | lua-time-limit | unixsocket | logfile | pidfile | daemonize | supervised)
      return
      ;;
    tls-replication)
      # A group that moves to TLS sets it on all nodes before each adopts its release.
      if [[ $(tls_mode "$staged") == required ]]; then return; fi
      wanted=$(setting "$conf" "$name" "$seen")
      ;;
    port | tls-port | dir | save | appendonly | maxclients)
      wanted=$(plain_value "$(setting "$conf" "$name" "$seen")") seen=$(plain_value "$seen")
      ;;
    replica-priority) if [[ $seen != "$wanted" ]]; then seen=$(settled_priority "$wanted"); fi ;;
  esac
  compare "redis.$name" "$wanted" "$seen"
}

# settled_priority WANTED: the node's priority, or WANTED while it ranks by the age of its data.
settled_priority() {
  local info now deadline=$((SECONDS + settle_time))
  while :; do
    info=$(here INFO replication) || true
    now=$(here CONFIG GET replica-priority | sed -n 2p) || true
    if [[ $now == "$1" || $(field "$info" role):$(field "$info" master_link_status) == slave:down ]]; then
      echo "$1"
      return
    fi
    ((SECONDS < deadline)) || break
    sleep 0.2
  done
  echo "$now"
}

# acl_drift DAEMON WANTED SEEN: of each user the words in which two replies to ACL LIST differ.
acl_drift() {
  local user wanted seen
  while read -r user; do
    wanted=$(rules_of "$user" <<<"$2") seen=$(rules_of "$user" <<<"$3")
    compare "$1.acl.$user" "$(words_without "$wanted" "$seen")" "$(words_without "$seen" "$wanted")"
  done < <(sed -n 's/^user \([^ ]*\) .*/\1/p' <<<"$2"$'\n'"$3" | sort -u)
}

rules_of() {
  awk -v name="$1" '$1 == "user" && $2 == name { sub(/^user [^ ]+ /, ""); print; exit }'
}

# words_without RULES OTHERS: the words of RULES that OTHERS lack; hashes of passwords are not told, and the default
# that Redis writes out only after ACL SETUSER does not count.
words_without() {
  local word all words=()
  read -r -a all <<<"$1"
  for word in "${all[@]}"; do
    [[ " $2 sanitize-payload " == *" $word "* ]] || words+=("$word")
  done
  printf '%s' "${words[*]/#\#*/(a password)}"
}

# --- the sentinel -----------------------------------------------------------------------------

# sentinel_drift: what was set in the running sentinel.
sentinel_drift() {
  local directory scratch reply name value option
  running redis-sentinel.service || return 0
  directory=$(composed_from sentinel)
  [[ -r $directory/sentinel.conf ]] || return 0
  reply=$(sentinel_here SENTINEL MASTERS) || {
    compare sentinel 'an answer' "$(head -n 1 <<<"$reply")"
    return
  }
  while read -r name; do
    if [[ $name != "$master_name" ]]; then compare "sentinel.monitor $name" 'no such master' 'monitored'; fi
  done < <(sed -n '/^name$/{n;p}' <<<"$reply")
  monitor_drift
  lost_strangers
  reply=$(sentinel_here SENTINEL MASTER "$master_name") || return 0
  compare sentinel.quorum "$quorum" "$(value_in "$reply" quorum)"
  while read -r _ option name value; do
    compare "sentinel.$option" "$value" "$(value_in "$reply" "$option" || persisted "$option")"
  done < <(grep "^sentinel [a-z-]* $master_name " "$directory/sentinel.conf")
  compare sentinel.auth-user sentinel "$(persisted auth-user)"
  compare sentinel.auth-pass "$(secret "$directory/secrets" sentinel)" "$(persisted auth-pass)"
  reply=$(sentinel_here SENTINEL CONFIG GET '*') || return 0
  compare sentinel.announce-ip "${sentinel_address[$self]}" "$(value_in "$reply" announce-ip)"
  compare sentinel.announce-port 0 "$(value_in "$reply" announce-port)"
  compare sentinel.resolve-hostnames no "$(value_in "$reply" resolve-hostnames)"
  compare sentinel.announce-hostnames no "$(value_in "$reply" announce-hostnames)"
  compare sentinel.sentinel-user sentinel "$(value_in "$reply" sentinel-user)"
  compare sentinel.sentinel-pass "$(secret "$directory/secrets" sentinel)" "$(value_in "$reply" sentinel-pass)"
  reply=$(sentinel_here ACL LIST) || return 0
  scratch=$(mktemp -d)
  if as_released sentinel "$scratch"; then
    acl_drift sentinel "$answered" "$reply"
  else
    compare "$directory" 'a release that Sentinel accepts' 'refused'
  fi
  rm -rf "$scratch"
}

# value_in REPLY NAME: what follows the line NAME in a reply of names and values; 1 where there is none.
value_in() {
  awk -v name="$2" 'NR % 2 == 0 && last == name { print; found = 1 } { last = $0 } END { exit !found }' <<<"$1"
}

# persisted OPTION: what SENTINEL MASTER does not tell, from the file that Sentinel writes: all but the defaults.
persisted() {
  redis_file "$etc/redis-sentinel.conf" | sed -n "s/^sentinel $1 $master_name //p" | grep . || echo 0
}

# monitor_drift: whether the sentinel watches another master than it would at its next start, and that one is there.
monitor_drift() {
  local watched deadline=$((SECONDS + settle_time))
  while :; do
    watched=$(ask_group other-master "$members_file" "$secrets_file" "$(whether test -e "$initialised")" "$(whether operator_lets_lead)")
    [[ -n $watched ]] || return 0
    ((SECONDS < deadline)) || break
    sleep 0.5
  done
  compare "sentinel.monitor $master_name" "$watched" "$(sentinel_here SENTINEL GET-MASTER-ADDR-BY-NAME "$master_name" | paste -sd ' ')"
}

# lost_strangers: members that the sentinel remembers though they are none and are not there: a master that somebody
# made it watch for a moment, a host that has another address now. With them no gate holds.
lost_strangers() {
  local kind place
  while read -r kind place; do
    compare "sentinel.known-$kind" 'members alone' "$place"
  done < <(ask_group strangers "$members_file" "$secrets_file" "$(whether role_deployed)")
}

# --- putting it right -------------------------------------------------------------------------

# What the running node takes back restarts nothing; for the rest it counts as one that runs no release, so that it
# restarts in its turn.
repair_node() {
  local setting wanted found release commands=()
  found=$(node_drift | grep '^redis\.' || true)
  [[ -n $found ]] || return 0
  tell_found "$found"
  release=$(running_release node)
  if [[ $found == *redis.maxmemory* ]]; then refuse_evicting_maxmemory; fi
  while IFS=$'\x1f' read -r setting wanted _; do
    [[ $setting == redis.acl.* ]] || commands+=("CONFIG SET ${setting#redis.} $(as_argument "$wanted")")
  done <<<"$found"
  if ((${#commands[@]})); then printf '%s\n' "${commands[@]}" | here >/dev/null || true; fi
  if [[ $found == *redis.acl.* ]]; then apply_users "$node_address_here" "$node_port_here" users.acl; fi
  if node_drift | grep '^redis\.' >/dev/null; then forget_release node; fi
}

# As repair_node. Whom it watches and knows is put right by the first sentinel-stop, as no two may do that at once.
repair_sentinel() {
  local setting wanted found release commands
  release=$(running_release sentinel)
  found=$(sentinel_drift | grep '^sentinel\.' | grep -vE "^sentinel\.(known-|monitor $master_name"$'\x1f)' || true)
  [[ -n $found ]] || return 0
  tell_found "$found"
  commands=()
  while IFS=$'\x1f' read -r setting wanted _; do
    setting=${setting#sentinel.}
    case $setting in
      acl.*) ;;
      'monitor '*) commands+=("SENTINEL REMOVE $(as_argument "${setting#monitor }")") ;;
      announce-* | resolve-* | sentinel-*) commands+=("SENTINEL CONFIG SET $setting $(as_argument "$wanted")") ;;
      *) commands+=("SENTINEL SET $master_name $setting $(as_argument "$wanted")") ;;
    esac
  done <<<"$found"
  if ((${#commands[@]})); then printf '%s\n' "${commands[@]}" | sentinel_here >/dev/null || true; fi
  if [[ $found == *sentinel.acl.* ]]; then
    apply_users "${sentinel_address[$self]}" "${sentinel_port[$self]}" sentinel-users.acl
  fi
  found=$(sentinel_drift)
  # One that watches nobody takes its settings with its master.
  if [[ $found != *"sentinel.monitor $master_name"* ]] && grep '^sentinel\.' <<<"$found" | grep -v '^sentinel\.known-' >/dev/null; then
    forget_release sentinel
  fi
}

# Redis owns the directory; a file that cannot be removed is no release's name either.
forget_release() {
  "${as_redis[@]}" rm -rf "$run/$1/release" 9>&- || true
}

tell_found() {
  did "took back what was set by hand: $(cut -d $'\x1f' -f 1 <<<"$1" | paste -sd ' ')"
}

# as_argument TEXT: one argument in a line that redis-cli reads.
as_argument() {
  local text=${1//\\/\\\\}
  printf '"%s"' "${text//\"/\\\"}"
}
