# shellcheck shell=bash
# TLS: the certificate of this host's release, and the change of a running group from plain ports to TLS alone.
# A port is of one kind, and so are all links of a sentinel, so the group moves from one pair of ports to another
# while both are open.

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

# same_certificate HASH: whether the release of that hash has the certificate and the authority that are staged.
same_certificate() {
  cmp -s <(cat "$staged"/tls.* 2>/dev/null) <(cat "$releases/$1"/tls.* 2>/dev/null)
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

# --- changing the mode of a running group -------------------------------------------------------

# Nobody else takes away what the stack has no more.
drop_unused_certificate() {
  if [[ $(tls_mode "$staged") == off ]]; then rm -f "$staged"/tls.*; fi
}

# prepare_tls_change: all that can refuse a change of the mode, on every host before anything changes on one.
prepare_tls_change() {
  local begins
  if [[ $(tls_mode "$current") == "$(tls_mode "$staged")" ]]; then return; fi
  begins=$(ask_group prepare-tls-change "${step_plan:-}" "${step_override:-}")
  if [[ $begins == yes ]]; then make_release; fi
}

# Whether this host's sentinel goes, or would start, by the plain ports in a group that is to use TLS alone.
owes_move_to_tls() {
  local now=$current
  if running redis-sentinel.service; then now=$releases/$(running_release sentinel); fi
  [[ $(tls_mode "$staged") == required && -e $now/redis.conf && $(tls_mode "$now") == both ]]
}

# move_to_tls: all hosts at the same time. First every replica follows by TLS, whoever gets to it first: the
# sentinels would keep a replica that tells its plain port for ever. Then this host's sentinel starts anew, watching
# the same master at its other port.
move_to_tls() {
  make_release
  ask_group follow-by-tls
  switch_release
  stop_sentinel
  start_unit redis-sentinel.service
  did 'moved to TLS'
}
