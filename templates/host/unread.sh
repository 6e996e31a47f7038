# shellcheck shell=bash
# Data that lie here and that Redis, started with this configuration, would not load: it would start empty, and
# overwrite them with its first save or sync.

# unread CONF: see redis_cluster/unread.py; a name a line.
unread() {
  ask_group unread "$1" "$data" "$(last_role)"
}

# verb convert [NAME]: without a name, what lies here that would not be loaded. With one of those, Redis itself makes
# of it what the configuration loads; what it was made of stays, under another name.
verb_convert() {
  local conf found name=${1:-}
  conf=$(conf_to_come)
  load_members "${conf%/*}/members"
  found=$(unread "$conf")
  if [[ -z $name ]]; then
    printf '%s\n' "${found:-nothing that would not be loaded}"
    return
  fi
  grep -Fxq -- "$name" <<<"$found" ||
    die "$name is nothing that Redis would start without; expected one of: $(paste -sd ' ' <<<"${found:-none}"). Nothing was changed"
  # It is tried again and again, and would start half-way.
  if [[ -e $unit_directory/redis-cluster.service ]]; then act stop node; fi
  "$BASH" "${BASH_SOURCE[0]}" convert-as-redis "$name" 3>&- 4>&-
  if [[ -e $initialised ]]; then
    say "systemctl start redis-cluster: the node starts with them, but where another node is master it copies that one instead. To make this one the master: redis-cluster lead"
  else
    say "run pulumi up: the group begins with them"
  fi
}

# The settings that the node starts with; before the first start those that are staged.
conf_to_come() {
  if [[ -e $current/redis.conf ]]; then echo "$current/redis.conf"; else echo "$staged/redis.conf"; fi
}

# verb convert-as-redis NAME: all of it beside the data; then moved into their place.
verb_convert_as_redis() {
  local conf dir top=${1%%/*} file name loaded rdb keys
  refuse_root
  conf=$(conf_to_come)
  dir=$(setting "$conf" dir "$data")
  name=$(setting "$conf" appendfilename appendonly.aof)
  loaded=$(setting "$conf" appenddirname appendonlydir)
  rdb=$(setting "$conf" dbfilename dump.rdb)
  [[ $1 == */*.manifest || $1 != */* ]] ||
    die "$1 is part of an AOF without its manifest; expected that beside it. Put it back, or move $dir/$top away"
  server='' scratch=$dir/.convert
  at_end=end_conversion
  rm -rf "$scratch"
  mkdir -p "$scratch/source"
  if [[ $(head -c 5 "$dir/$1") == REDIS && $1 != *.aof ]]; then
    same_file "$dir/$1" "$scratch/dump.rdb"
  else
    if [[ $1 == */* ]]; then
      for file in "$dir/$top"/*; do same_file "$file" "$scratch/source/${file##*/}"; done
      load_in "$scratch" --appendonly yes --appenddirname source --appendfilename "$(basename "$1" .manifest)"
    else
      same_file "$dir/$1" "$scratch/source.aof"
      load_in "$scratch" --appendonly yes --appenddirname source --appendfilename source.aof
    fi
    [[ $(loaded_here SAVE) == OK ]] || die "Redis could not save $1: $(tail -n 3 "$scratch/log"); nothing was changed"
    unload
  fi
  load_in "$scratch" --appendonly no --appenddirname "$loaded" --appendfilename "$name"
  keys=$(loaded_keys)
  if [[ $(setting "$conf" appendonly no) == yes ]]; then
    loaded_here CONFIG SET appendonly yes >/dev/null
    until [[ $(loaded_here INFO persistence) == *aof_enabled:1*aof_rewrite_in_progress:0*aof_rewrite_scheduled:0* ]]; do
      kill -0 "$server" 2>/dev/null || die "Redis ended while it wrote the AOF: $(tail -n 3 "$scratch/log")"
      sleep 0.1
    done
    [[ $(loaded_here INFO persistence) == *aof_last_bgrewrite_status:ok* ]] ||
      die "Redis could not write the AOF: $(tail -n 3 "$scratch/log"); nothing was changed"
  fi
  unload
  # What it was made of is to be the older one, and its age changes with its other name.
  rm -rf "$scratch"/source*
  mv "$dir/$top" "$dir/$top.converted"
  if [[ $(setting "$conf" appendonly no) == yes ]]; then
    if [[ -e $dir/$loaded ]]; then mv "$dir/$loaded" "$scratch/empty"; fi
    mv "$scratch/$loaded" "$dir/$loaded"
  else
    mv "$scratch/dump.rdb" "$dir/$rdb"
  fi
  [[ -e $initialised ]] || : >"$data/retired-master"
  sync -f "$dir"
  say "$keys keys of $1 are what Redis loads now; it stays as $top.converted"
}

end_conversion() {
  if [[ -n $server ]]; then kill -KILL "$server" 2>/dev/null || true; fi
  rm -rf "$scratch"
}

# same_file FILE NEW: by another name where redis owns it: what Redis throws away or replaces there stays here.
same_file() {
  ln "$1" "$2" 2>/dev/null || cp "$1" "$2" || die "redis cannot read $1, or has no room for a copy; nothing was changed"
}

# load_in DIR ARGUMENT...: a Redis in DIR, on a socket there and no port, until it has loaded what it finds.
load_in() {
  local conf
  conf=$(conf_to_come)
  socket=$1/socket
  redis-server "$conf" --port 0 --tls-port 0 --tls-replication no --unixsocket "$socket" --dir "$1" \
    --logfile "$1/log" --pidfile '' --daemonize no --supervised no --save '' --maxmemory 0 --dbfilename dump.rdb "${@:2}" >/dev/null 2>&1 &
  server=$!
  until [[ $(loaded_here PING) == PONG ]]; do
    kill -0 "$server" 2>/dev/null || die "Redis does not load it: $(complaint <"$1/log"); nothing was changed"
    sleep 0.1
  done
}

loaded_here() {
  redis-cli -s "$socket" "$@" 2>/dev/null
}

loaded_keys() {
  loaded_here INFO keyspace | sed -n 's/^db[0-9]*:keys=\([0-9]*\),.*/\1/p' | awk '{ sum += $1 } END { print sum + 0 }'
}

unload() {
  loaded_here SHUTDOWN NOSAVE >/dev/null || true
  wait "$server" || true
  server=''
}

# complaint: of what a daemon said before it gave up (stdin), the reason: an error in the file comes as plain
# lines, any other error as the last lines of the log.
complaint() {
  local log_line='^[0-9]+:[A-Z] [0-9]{2} [A-Z][a-z]{2} [0-9:. ]+ [#*.-] ' output
  output=$(sed -E 's/#[0-9a-f]{64}/#.../g' | grep . || echo "not a word")
  grep -vE "$log_line" <<<"$output" ||
    grep -vE "$log_line(WARNING|oO0|Redis version|Configuration loaded|monotonic|Running mode|Server init)" <<<"$output" |
    sed -E "s/$log_line//"
}
