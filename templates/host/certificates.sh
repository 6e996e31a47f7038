# shellcheck shell=bash
# Certificates that end: told before, and exchanged after, when no daemon lets anybody in.

# certificate_ended DIR: whether the certificate in DIR has ended, or the last authority that is trusted there.
certificate_ended() {
  [[ -e $1/tls.crt && $(ask_group certificate "$1") == ended ]]
}

# renew_ended: what runs with a certificate that has ended takes the one that is staged, and nothing else of what is
# staged: no gate could hold before. Links that were there before the end go on, so
# all nodes are first; sentinels start anew in sentinel-start, when they can reach every node.
renew_ended() {
  local was partly
  was=$(running_release node)
  if [[ ! -e $current/redis.conf || $(tls_mode "$current") != required || $(tls_mode "$staged") != required ]]; then return; fi
  if ! certificate_ended "$current" && ! certificate_ended "$releases/${was:-none}"; then return; fi
  ask_group refuse-ended "$staged" "$self"
  partly=$(mktemp -d)
  if ! cp -p "$current"/* "$partly" || ! cp -p "$staged"/tls.{ca,crt,key} "$partly"; then
    die "cannot copy $current; free some space, then run pulumi up again"
  fi
  load_members "$partly/members"
  make_release "$partly" renew-release
  rm -rf "$partly"
  take_certificate "$was"
  switch_release
  did 'the certificate had ended'
}

# take_certificate HASH: the running node, of the release of that hash, gets the one of the release.
take_certificate() {
  local taken
  running redis-cluster.service || return 0
  taken=$(ask_group take-certificate "$releases/$release")
  if [[ $taken == yes ]]; then
    if [[ $(readlink "$current") == "releases/$1" ]]; then
      switch_release
      ask_group note-release node "$release"
      did "nothing restarted"
    fi
  else
    # It lets in nobody of another authority, and from now on nobody of its own.
    act stop node
  fi
}
