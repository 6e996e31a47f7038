# shellcheck shell=bash
# What a daemon that runs was composed from, and what of that it takes while it runs.

# The release that a running daemon was composed from; empty when there is no telling.
running_release() {
  local hash
  hash=$(redis_file "$run/$1/release") || true
  if [[ $hash =~ ^[0-9a-f]{16}$ && -d $releases/$hash ]]; then printf '%s' "$hash"; fi
}

live_part() {
  sed '1,/^# live:/d; /^#/d; /^$/d' "$1"
}
