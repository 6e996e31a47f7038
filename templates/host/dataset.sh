# shellcheck shell=bash
# What a configuration says of the files that hold the data.

# setting FILE NAME DEFAULT: the value Redis takes for a directive; the last line of it wins.
setting() {
  local value
  value=$(redis_file "$1" | sed -nE "s/^[[:space:]]*$2[[:space:]]+//Ip" | tail -n 1)
  value=${value%"${value##*[![:space:]]}"}
  value=${value#[\"\']}
  printf '%s' "${value:-$3}" | sed -E "s/[\"']\$//"
}

# unsaved_aof CONF: the file that Redis writes after a full sync until the base of a new AOF is written. A process that
# dies meanwhile leaves it, and an AOF from before that sync, which the next start would load.
unsaved_aof() {
  printf '%s/%s/temp-%s.incr' "$(setting "$1" dir "$data")" "$(setting "$1" appenddirname appendonlydir)" \
    "$(setting "$1" appendfilename appendonly.aof)"
}
