# shellcheck shell=bash
# Certificates that end: told before, and exchanged after, when no daemon lets anybody in.

# certificate_ends FILE: when each certificate in it ends, as YYYYMMDDhhmmss in UTC, the first to end first. There may be
# no openssl here: a certificate has the two dates of its life side by side, from 2050 on with all digits of the year.
certificate_ends() {
  local time='(\x17\x0d|\x18\x0f\d\d)\d{12}Z'
  grep -v '^-' "$1" | base64 -di 2>/dev/null | grep -aoP "$time(\x17\x0d|\x18\x0f)\K\d{12,14}(?=Z)" |
    sed -E 's/^.{12}$/20&/' | sort || true
}

# certificate_end DIR: when the certificate in DIR ends, or the last authority that is trusted there.
certificate_end() {
  {
    certificate_ends "$1/tls.crt" | sed -n 1p
    certificate_ends "$1/tls.ca" | sed -n '$p'
  } 2>/dev/null | sort | sed -n 1p
}

# ends_within TIME DIR: whether the certificate in DIR ends until then, as `date` takes it.
ends_within() {
  local end
  end=$(certificate_end "$2")
  [[ $end =~ ^[0-9]{14}$ && $end < $(date -u -d "$1" +%Y%m%d%H%M%S) ]]
}

# certificate_problems: the daemons let nobody in, and are let in nowhere, from the end of a certificate on. Who looks at
# the group is told a month before; a step minds nothing but what it would make live.
certificate_problems() {
  local directory=$current until='30 days'
  if [[ -n ${step_plan+step} ]]; then directory=$staged until=now; fi
  if [[ ! -e $directory/redis.conf || $(tls_mode "$directory") == off ]] || ! ends_within "$until" "$directory"; then return; fi
  printf '%s: its certificate or its authority ends %s UTC; expected more than 30 days: pulumi up makes new ones, where the stack does not bring its own in redis-cluster:tls. See "Renewing certificates" in docs/operations.md\n' \
    "$self" "$(certificate_end "$directory" | sed -E 's/(....)(..)(..)(..)(..)(..)/\1-\2-\3 \4:\5:\6/')"
}

# renew_ended: what runs with a certificate that has ended takes the one that is staged, and nothing else of what is
# staged: no gate could hold before. Sets `renewed` where there was need. Links that were there before the end go on, so
# all nodes are first; sentinels start anew in sentinel-start, when they can reach every node.
renew_ended() {
  local was partly
  was=$(running_release node) renewed=''
  if [[ ! -e $current/redis.conf || $(tls_mode "$current") != required || $(tls_mode "$staged") != required ]]; then return; fi
  if ! ends_within now "$current" && ! ends_within now "$releases/${was:-none}"; then return; fi
  if ends_within now "$staged"; then die "$(certificate_problems). Nothing was changed"; fi
  partly=$(mktemp -d "$releases/.XXXXXX")
  if ! cp -p "$current"/* "$partly" || ! cp -p "$staged"/tls.{ca,crt,key} "$partly"; then
    die "cannot copy $current; free some space, then run pulumi up again"
  fi
  load_members "$partly/members"
  make_release "$partly"
  rm -rf "$partly"
  load_members "$releases/$release/members"
  tls_options+=(--insecure)
  operator_password=$(operator_login)
  take_certificate "$was"
  switch_release
  # The rest of this step asks none but this host's own daemons, of which the sentinel still has its old one.
  load_members "$staged/members"
  tls_options+=(--insecure)
  renewed=yes
  did 'the certificate had ended'
}

# take_certificate HASH: the running node, of the release of that hash, gets the one of the release.
take_certificate() {
  local reply words
  running redis-cluster.service || return 0
  read -r -a words < <(tls_text "$releases/$release" | paste -sd ' ')
  if reply=$(here CONFIG SET "${words[@]}"); then
    if [[ $(readlink "$current") == "releases/$1" ]]; then adopt_release node; fi
  elif cmp -s "$current/tls.ca" "$staged/tls.ca"; then
    die "the certificate that the node runs with has ended, and it does not take the new one: ${reply:-no answer}; expected OK. Look at it with 'redis-cluster gate', then run pulumi up again"
  else
    # It lets in nobody of another authority, and from now on nobody of its own.
    systemctl stop redis-cluster.service
  fi
}

# Whether this host's sentinel runs with a certificate that has ended.
sentinel_ended() {
  has_sentinel && running redis-sentinel.service && ends_within now "$releases/$(running_release sentinel)"
}
