# shellcheck shell=bash
# What is owed on this host: what runs compared with what is staged.

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

restart_part() {
  sed '/^# live:/,$d' "$1"
}

live_part() {
  sed '1,/^# live:/d; /^#/d; /^$/d' "$1"
}

live_names() {
  live_part "$1" | awk '{ print ($1 == "sentinel" ? $2 : $1) }' | sort -u
}
