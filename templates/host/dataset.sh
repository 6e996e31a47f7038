# shellcheck shell=bash
# Would Redis, started with this configuration, load any data?

# setting FILE NAME DEFAULT: the value Redis takes for a directive; the last line of it wins.
setting() {
  local value
  value=$(redis_file "$1" | sed -nE "s/^[[:space:]]*$2[[:space:]]+//Ip" | tail -n 1)
  value=${value%"${value##*[![:space:]]}"}
  value=${value#[\"\']}
  printf '%s' "${value:-$3}" | sed -E "s/[\"']\$//"
}

# has_keys RDB: whether the file holds a key. Every start with AOF leaves a base file, also an empty one.
# An empty file has about 90 bytes, so a big one need not be read.
has_keys() {
  [[ -s $1 ]] || return 1
  (($(stat -c %s "$1") < 4096)) || return 0
  ! "${as_redis[@]}" redis-check-rdb "$1" 2>/dev/null 9>&- | grep ' 0 keys read' >/dev/null
}

# loads_data CONF: whether Redis would load at least one key or write from the files that CONF names.
# What counts is what would be loaded, not what lies there: `appendonly yes` over an RDB starts empty.
loads_data() {
  local dir manifest name
  dir=$(setting "$1" dir "$data")
  if [[ $(setting "$1" appendonly no) != yes ]]; then
    has_keys "$dir/$(setting "$1" dbfilename dump.rdb)"
    return
  fi
  name=$(setting "$1" appendfilename appendonly.aof)
  manifest=$dir/$(setting "$1" appenddirname appendonlydir)/$name.manifest
  if [[ ! -f $manifest ]]; then
    # Redis takes over the single AOF file of its versions before 7.
    [[ -s $dir/$name ]]
    return
  fi
  manifest_holds "$manifest"
}

# manifest_holds MANIFEST: whether a file that it names holds a key or write.
manifest_holds() {
  local name type
  while read -r _ name _ _ _ type; do
    name=${1%/*}/$name
    case $type:$name in
      b:*.rdb) if has_keys "$name"; then return 0; fi ;;
      b:* | i:*) if [[ -s $name ]]; then return 0; fi ;;
    esac
  done < <("${as_redis[@]}" dd if="$1" iflag=nofollow,nonblock status=none 2>/dev/null 9>&-)
  return 1
}

# unsaved_aof CONF: the file that Redis writes after a full sync until the base of a new AOF is written. A process that
# dies meanwhile leaves it, and an AOF from before that sync, which the next start would load.
unsaved_aof() {
  printf '%s/%s/temp-%s.incr' "$(setting "$1" dir "$data")" "$(setting "$1" appenddirname appendonlydir)" \
    "$(setting "$1" appendfilename appendonly.aof)"
}

# Whether there is anything in the data directory that Redis wrote, under whatever name.
holds_files() {
  [[ -n $(find "$data" -type f ! -name retired-master ! -name node-marks ! -name 'stamp.?' -size +0 -print -quit 2>/dev/null) ]]
}
