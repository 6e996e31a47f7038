# shellcheck shell=bash
# The users of the daemons. A release says what each may do and which passwords it has; running daemons take
# a change by ACL SETUSER, since ACL LOAD would drop every connection.

# Hashes that this host's daemons accept besides those of their release, and since when: "NAME HASH SECONDS".
accepted=$managed/accepted

# hashes SECRETS NAME: the hashes of a user's passwords, the current one first.
hashes() {
  local keyword name all
  while read -r keyword name all; do
    if [[ $keyword == hash && $name == "$2" ]]; then printf '%s' "$all"; fi
  done <"$1"
}

# users_text DIR FILE: the "user" lines of FILE in the release in DIR, with the hashes of their passwords.
users_text() {
  ask_group users-text "$1" "$2"
}

# refuse_lost_passwords: the password that clients use now has to stay accepted until they use the new one.
refuse_lost_passwords() {
  local keyword name now
  [[ -e $initialised && -e $current/secrets ]] || return 0
  if cmp -s "$staged/secrets" "$current/secrets"; then return; fi
  while read -r keyword name now _; do
    [[ $keyword == hash ]] || continue
    case " $(hashes "$staged/secrets" "$name") " in
      *" $now "* | '  ') ;;
      *) die "the password that $name has here is neither redis-cluster:${name}Password nor redis-cluster:${name}PreviousPassword; expected it as one of them until every client has the new one: pulumi config set --secret ${name}PreviousPassword, with the old password on standard input, then run pulumi up again. Nothing was changed" ;;
    esac
  done <"$current/secrets"
}

# accept_passwords: every host accepts the new passwords before any host or client uses one.
accept_passwords() {
  local name hash since was text='' added=()
  while read -r name hash; do
    since=$(accepted_since "$name" "$hash")
    was=" $(hashes "$current/secrets" "$name") "
    if [[ $was != *" $hash "* && $was != '  ' ]]; then
      since=${since:-$(date +%s)}
      added+=("ACL SETUSER $name #$hash")
    fi
    if [[ -n $since ]]; then text+="$name $hash $since"$'\n'; fi
  done < <(awk '$1 == "hash" { for (i = 3; i <= NF; i++) print $2, $i }' "$staged/secrets")
  place 0640 "$accepted" <<<"${text%$'\n'}"
  if ((${#added[@]} == 0)); then return; fi
  did "accepts a new password of $(cut -d' ' -f3 < <(printf '%s\n' "${added[@]}") | sort -u | paste -sd ' ')"
  if running redis-cluster.service; then add_passwords "$node_address_here" "$node_port_here" "${added[@]}"; fi
  if has_sentinel && running redis-sentinel.service; then
    add_passwords "${sentinel_address[$self]}" "${sentinel_port[$self]}" "${added[@]}"
  fi
}

# accepted_since NAME HASH: since when, in seconds since 1970; empty when that was before any change.
accepted_since() {
  local name hash since
  [[ -f $accepted && -r $accepted ]] || return 0
  while read -r name hash since; do
    if [[ $name == "$1" && $hash == "$2" && $since =~ ^[0-9]+$ ]]; then
      printf '%s' "$since"
      return
    fi
  done <"$accepted"
}

# operator_login: the operator's password that this host's daemons accept, while a new one is on its way.
operator_login() {
  local file name password
  for file in "$current/secrets" "$staged/secrets"; do
    [[ -e $file ]] || continue
    for name in operator previous-operator; do
      password=$(awk -v name="$name" '$1 == name { print $2 }' "$file")
      if [[ -n $password ]] && accepts_operator "$password"; then
        printf '%s' "$password"
        return
      fi
    done
  done
  secret "$staged/secrets" operator
}

accepts_operator() (
  operator_password=$1
  here PING || { has_sentinel && sentinel_here PING; }
) >/dev/null

# add_passwords ADDRESS PORT COMMAND...: on standard input, never as arguments. A user whom the daemon has not
# got is left out: its first password comes with its rights.
add_passwords() {
  local address=$1 port=$2 known command
  shift 2
  known=$(ask "$address" "$port" ACL USERS) || die "$address:$port does not tell its users: $known; run 'redis-cluster gate' here, then pulumi up again"
  for command in "$@"; do
    if grep -qxF "$(cut -d' ' -f3 <<<"$command")" <<<"$known"; then printf '%s\n' "$command"; fi
  done | send_users "$address" "$port"
}

# send_users ADDRESS PORT (ACL commands on stdin)
send_users() {
  local reply
  reply=$(ask "$1" "$2") || true
  ! grep -qvxE 'OK|[0-9]+|' <<<"$reply" ||
    die "$1:$2 refused a change of its users: $(grep -vxE 'OK|[0-9]+|' <<<"$reply" | head -n 1); run 'redis-cluster gate' here, then pulumi up again"
}

# same_users HASH FILE: whether the release of that hash has the users and passwords of the one to apply.
same_users() {
  cmp -s "$releases/$1/secrets" "$releases/$release/secrets" && cmp -s "$releases/$1/$2" "$releases/$release/$2"
}

# apply_users ADDRESS PORT FILE: the running daemon gets the users of FILE in the release, and no others.
# No connection is dropped but those of users that are gone.
apply_users() {
  local address=$1 port=$2 wanted known
  wanted=$(users_text "$releases/$release" "$3")
  known=$(ask "$address" "$port" ACL USERS) || die "$address:$port does not tell its users: $known; run 'redis-cluster gate' here, then pulumi up again"
  {
    # One command a user, so that nobody meets a user half made.
    sed -E 's/^user ([^ ]+) /ACL SETUSER \1 reset /' <<<"$wanted"
    grep -vxF -f <(cut -d' ' -f2 <<<"$wanted") <<<"$known" | sed 's/^/ACL DELUSER /' || true
  } | send_users "$address" "$port"
  [[ $(user_hashes <<<"$wanted") == "$(ask "$address" "$port" ACL LIST | user_hashes)" ]] ||
    die "$address:$port has other users or passwords after ACL SETUSER than $3 says; run pulumi up again"
}

# user_hashes: of "user" lines on stdin, each user's name and hashes, in one order.
user_hashes() {
  awk '{ for (i = 3; i <= NF; i++) if ($i ~ /^#/) print $2, $i; print $2 }' | sort
}

# refuse_clients_left: a password or a user is not taken away while somebody is connected by it. Who logged in
# before the new password was accepted did so with the old one.
refuse_clients_left() {
  local keyword name had hash kept since addresses problems=''
  [[ -e $initialised ]] || return 0
  while read -r keyword name had; do
    case $keyword:$name in
      # These log in anew on every host with what its release says, which refuse_lost_passwords compares.
      hash:replication | hash:sentinel | hash:operator) continue ;;
      hash:*) ;;
      *) continue ;;
    esac
    kept=$(hashes "$staged/secrets" "$name") since=''
    for hash in $had; do
      if [[ " $kept " != *" $hash "* ]]; then since=$(accepted_since "$name" "${kept%% *}"); fi
    done
    if [[ -z $kept ]]; then since=$(date +%s); fi
    [[ -n $since ]] || continue
    addresses=$(connected_before "$name" "$since")
    if [[ -n $addresses ]]; then problems+="clients at $addresses are connected as $name with a password that is to go"$'\n'; fi
  done <"$current/secrets"
  problems=${problems%$'\n'}
  if [[ -z $problems ]] || overridden "$problems"; then return; fi
  die "$problems; expected none: let them connect anew with the user's new password, then run pulumi up again. To go on all the same, with this very change: pulumi config set override $(override_hash "$problems"). Nothing was changed"
}

# connected_before NAME SECONDS: the addresses from which the user has connections that are older than that.
connected_before() {
  local clients oldest=$(($(date +%s) - $2))
  clients=$(
    if running redis-cluster.service; then here CLIENT LIST || exit 1; fi
    if has_sentinel && running redis-sentinel.service; then sentinel_here CLIENT LIST || exit 1; fi
  ) || die "a daemon of this host does not tell its clients: $clients; run 'redis-cluster gate' here, then pulumi up again"
  sed -nE "s/.* addr=([^ ]*):[0-9]+ .* age=([0-9]+) .* user=$1 .*/\2 \1/p" <<<"$clients" |
    awk -v oldest="$oldest" '$1 > oldest { print $2 }' | sort -u | paste -sd ' '
}
