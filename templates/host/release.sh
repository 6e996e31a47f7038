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

# refuse_root: what a unit has done as redis follows, as root, the links that redis left. In tests whoever runs them has
# the part of redis.
refuse_root() {
  ((EUID != 0)) || [[ -n $root ]] || die "this is done by a unit, as the user redis; expected that instead of root. Start the unit: systemctl start redis-cluster"
  with_this=()
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

release_hash() {
  (cd "$1" && sha256sum -- * | sha256sum | cut -c 1-16)
}

# Makes the release the one that the next start of either daemon is composed from.
switch_release() {
  act switch "$release"
}
