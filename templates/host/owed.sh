# shellcheck shell=bash
# What a daemon that runs was composed from.

# The release that a running daemon was composed from; empty when there is no telling.
running_release() {
  local hash
  hash=$(redis_file "$run/$1/release") || true
  if [[ $hash =~ ^[0-9a-f]{16}$ && -d $releases/$hash ]]; then printf '%s' "$hash"; fi
}
