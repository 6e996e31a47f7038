# shellcheck shell=bash
# TLS: which ports a release has open, and the ports by which members are known.

# tls_mode DIR: off, both or required, as the files in DIR say.
tls_mode() {
  if [[ -z $(setting "$1/redis.conf" tls-port '') ]]; then
    echo off
  elif [[ $(setting "$1/redis.conf" port 0) == 0 ]]; then
    echo required
  else
    echo both
  fi
}

# node_place ADDRESS PORT: the same with the port that the group uses now: a file or a sentinel from before TLS
# was required names the plain one.
node_place() {
  if [[ $2 == "$plain_node_port" ]]; then printf '%s %s' "$1" "$node_port_here"; else printf '%s %s' "$1" "$2"; fi
}

sentinel_place() {
  if [[ $2 == "$plain_sentinel_port" ]]; then
    printf '%s %s' "$1" "${sentinel_port[$self]}"
  else
    printf '%s %s' "$1" "$2"
  fi
}
