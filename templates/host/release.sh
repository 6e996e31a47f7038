# shellcheck shell=bash
# A release: a directory of what Pulumi staged, validated and named by its hash.

# usable_release DIR: whether a daemon can be composed from it.
usable_release() (
  exec >/dev/null 2>&1
  load_members "$1/members"
  files=(redis.conf users.acl secrets)
  if has_sentinel; then files+=(sentinel.conf sentinel-users.acl); fi
  if [[ $(tls_mode "$1") != off ]]; then files+=(tls.ca tls.crt tls.key); fi
  for file in "${files[@]}"; do
    [[ -r $1/$file && -s $1/$file ]] || exit 1
  done
  secret "$1/secrets" replication && secret "$1/secrets" sentinel && secret "$1/secrets" operator
)

# load_release: sets `release` to the directory of the current release and reads its members and the
# operator's password. A current release that cannot be used costs no start while the one before it can.
load_release() {
  if usable_release "$current"; then
    release=$(readlink -f "$current")
  elif usable_release "$previous"; then
    release=$(readlink -f "$previous")
    say "$current is missing or incomplete; going on with the last good release ${release##*/}; run pulumi up"
  else
    die "neither $current nor $previous is a complete release; run pulumi up"
  fi
  load_members "$release/members"
  secrets_file=$release/secrets
  operator_password=$(secret "$secrets_file" operator)
}

# place MODE FILE: root's stdin becomes FILE, whole or not at all, readable by redis.
place() {
  install -m "$1" -g redis /dev/stdin "$releases/.placed"
  mv -fT "$releases/.placed" "$2"
}

# refuse_root: what a unit has done as redis follows, as root, the links that redis left. In tests whoever runs them has
# the part of redis.
refuse_root() {
  ((EUID != 0)) || [[ -n $root ]] || die "this is done by a unit, as the user redis; expected that instead of root. Start the unit: systemctl start redis-cluster"
  as_redis=()
}

# put FILE: redis's stdin becomes FILE, whole or not at all, readable by its owner only.
put() {
  local part=$1.part
  rm -f "$part"
  cat >"$part"
  chmod 0600 "$part"
  sync "$part"
  mv -f "$part" "$1" || die "cannot replace $1; expected it to be owned by $(id -un): chown $(id -un) $1"
  sync "${1%/*}"
}

# make_release [DIR]: a release is what is staged, or in DIR, copied whole and accepted by the very binaries that will
# read it.
make_release() {
  local temporary from=${1:-$staged}
  release=$(release_hash "$from")
  if intact_release "$release"; then return; fi
  temporary=$(mktemp -d "$releases/.XXXXXX")
  cp -p "$from"/* "$temporary/" || die "cannot copy $from; free some space, then run pulumi up again"
  chown root:redis "$temporary"
  chmod 0750 "$temporary"
  if ! validate_release "$temporary" || ! validate_firewall "$temporary"; then
    rm -rf "$temporary"
    die "what is staged was refused by $(redis-server --version | cut -d' ' -f1-3); nothing that runs was touched. Correct the setting named above in the stack's configuration, then run pulumi up again"
  fi
  sync -f "$temporary"
  if [[ -d $releases/$release ]]; then mv "$releases/$release" "$releases/.edited.$release"; fi
  mv "$temporary" "$releases/$release"
  rm -rf "$releases/.edited.$release"
}

intact_release() {
  [[ -d $releases/$1 && $(release_hash "$releases/$1") == "$1" ]]
}

# A current release in which somebody has edited a file is made anew, where it is the one that is staged.
mend_release() {
  local release
  if [[ $(readlink "$current") == "releases/$(release_hash "$staged")" ]]; then make_release; fi
}

# Settings that the data were written with: with another value Redis would start without them, or not at all.
refuse_changed_creation() {
  local name was now
  [[ -e $initialised && -e $current/redis.conf ]] || return 0
  for name in appendonly appendfilename appenddirname dbfilename databases; do
    was=$(setting "$current/redis.conf" "$name" '') now=$(setting "$staged/redis.conf" "$name" '')
    if [[ $was == "$now" ]] || [[ $name == databases && "$was $now" =~ ^[0-9]{1,9}\ [0-9]{1,9}$ && $now -ge $was ]]; then continue; fi
    die "redis-cluster:redis.$name is $now; expected $was, which the data were written with. Set it back, then run pulumi up again; nothing was stopped and nothing made live"
  done
}

# refuse_changed_names: members and clients would look for the group where it is no more; a sentinel drops another name
# at once.
refuse_changed_names() {
  local key was now path
  [[ -e $initialised && -e $current/members ]] || return 0
  while read -r key now; do
    was=$(found_by "$current" | awk -v key="$key" '$1 == key { print $2; exit }')
    if [[ -z $was || $was == "$now" ]]; then continue; fi
    path=$([[ $key != *.* ]] || echo '--path ')
    die "redis-cluster:$key is $now; expected $was, by which its members and clients find this group. Set it back: pulumi config set $path$key $was, then run pulumi up again; nothing was stopped and nothing made live"
  done < <(found_by "$staged")
}

# found_by DIR: the name and the ports of the group in DIR, a line "KEY VALUE" each as the stack's configuration has
# them. A plain port that is closed is among the members.
found_by() {
  local conf key port
  awk '$1 == "master-name" { print "masterName", $2 } $1 == "plain-ports" { print "nodePort", $2; print "sentinelPort", $3 }' "$1/members"
  for conf in redis sentinel; do
    key=$([[ $conf == redis ]] && echo nodePort || echo sentinelPort)
    port=$(setting "$1/$conf.conf" port 0)
    if [[ $port != 0 ]]; then printf '%s %s\n' "$key" "$port"; fi
    port=$(setting "$1/$conf.conf" tls-port 0)
    if [[ $port != 0 ]]; then printf 'tls.%s %s\n' "$key" "$port"; fi
  done
}

release_hash() {
  (cd "$1" && sha256sum -- * | sha256sum | cut -c 1-16)
}

# Makes the release the one that the next start of either daemon is composed from.
switch_release() {
  local now
  now=$(readlink "$current" || true)
  if [[ $now == "releases/$release" ]]; then return; fi
  if [[ -n $now ]]; then point_link previous "$now"; fi
  point_link current "releases/$release"
  apply_firewall
}

point_link() {
  ln -sfn "$2" "$releases/.$1.new"
  mv -fT "$releases/.$1.new" "$managed/$1"
  sync -f "$managed"
}

prune_releases() {
  local directory name keep
  keep=" $(basename "$(readlink "$current")") $(basename "$(readlink "$previous" || true)") $(running_release node) $(running_release sentinel) "
  for directory in "$releases"/* "$releases"/.??*; do
    name=${directory##*/}
    if [[ -d $directory && $keep != *" $name "* ]]; then rm -rf "$directory"; fi
  done
}
