# shellcheck shell=bash
# The users of the daemons and their passwords: see redis_cluster/users.py and redis_cluster/passwords.py.

# Hashes that this host's daemons accept besides those of their release, and since when: "NAME HASH SECONDS".
accepted=$managed/accepted

# users_text DIR FILE: the "user" lines of FILE in the release in DIR, with the hashes of their passwords.
users_text() {
  ask_group users-text "$1" "$2"
}

# accept_passwords: every host accepts the new passwords before any host or client uses one; and refuses to take one
# away by which somebody is connected.
accept_passwords() {
  local told line text=''
  told=$(ask_group accept-passwords "$(whether running redis-cluster.service)" "$(whether running redis-sentinel.service)" \
    "${renewed:-}" "${step_plan:-}" "${step_override:-}")
  while read -r line; do
    if [[ $line =~ ^accepts\ ([A-Za-z0-9._\ -]+)$ ]]; then
      did "accepts a new password of ${BASH_REMATCH[1]}"
    elif [[ $line =~ ^[A-Za-z0-9_][A-Za-z0-9._-]*\ [0-9a-f]{64}\ [0-9]{1,12}$ ]]; then
      text+=$line$'\n'
    else
      [[ -z $line ]] || die "a password is accepted by a line of another form; run pulumi up again"
    fi
  done <<<"$told"
  place 0640 "$accepted" <<<"${text%$'\n'}"
}
