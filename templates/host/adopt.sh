# shellcheck shell=bash
# Takes over a group that the old Ansible role deployed: on these paths and ports, under units of its own, with
# one password for the user default and sentinels without a login. Its daemons learn this program's users,
# logins and addresses while they run; then the steps of any rollout restart them, one by one.

# is_role_unit UNIT: whether UNIT is the role's: by what it starts, how, and as whom.
is_role_unit() {
  local file=$unit_directory/$1
  [[ -f $file ]] && grep -qx 'Type=forking' "$file" && grep -qx 'User=redis' "$file" &&
    grep -Eqx "ExecStart=/usr/bin/redis-server /etc/redis-cluster/${1%.service}\.conf( --sentinel)?" "$file"
}

# role_deployed: whether a daemon of this host is still the role's.
role_deployed() {
  is_role_unit redis-cluster.service || is_role_unit redis-sentinel.service
}

role_runs() {
  is_role_unit "$1" && running "$1"
}

# ask_role ADDRESS PORT [COMMAND...]: as ask, with the login of the role's clients, which its sentinels take too.
ask_role() {
  local ask_as=default operator_password
  operator_password=$(secret "$staged/secrets" adopt)
  ask "$@"
}

# tell ASK ADDRESS PORT: the commands of stdin, one a line, by ASK; each has to be answered with OK.
tell() {
  local commands reply
  commands=$(cat)
  reply=$("$@" <<<"$commands") || true
  (($(grep -cx OK <<<"$reply") == $(grep -c . <<<"$commands"))) ||
    die "$2:$3 answers: $(grep -vx OK <<<"$reply" | grep . | tr '\n' ';'); expected OK to every command that takes it over; run pulumi up again"
}

# --- recognising --------------------------------------------------------------------------------

# recognise_role: refuses what the role did not make, or made for another group. Wants the members loaded.
recognise_role() {
  local reply name was wanted
  # Whatever was there when the host was prepared.
  refuse_foreign_units yes
  if role_runs redis-cluster.service; then
    reply=$(ask_role "$node_address_here" "$node_port_here" PING) || true
    [[ $reply == PONG ]] ||
      not_taken_over "the node answers '$(head -n 1 <<<"$reply")' to its user default; expected PONG. Set that user's password: pulumi config set --secret adoptPassword"
  fi
  was=$(setting "$etc/redis-cluster.conf" port 6379)
  [[ $was == "$node_port_here" ]] ||
    not_taken_over "its node listens on port $was; expected redis-cluster:nodePort, $node_port_here"
  for name in dir dbfilename appendonly appendfilename appenddirname databases; do
    was=$(role_setting "$name") wanted=$(setting "$staged/redis.conf" "$name" '')
    # A number and nothing else: what a shell takes for arithmetic it may run.
    if [[ $was == "$wanted" ]] || [[ $name == databases && "$was $wanted" =~ ^[1-9][0-9]{0,8}\ [1-9][0-9]{0,8}$ && $wanted -ge $was ]]; then continue; fi
    not_taken_over "its node has $name $was; expected $wanted, or Redis would start without the data. $([[ $name == dir ]] || echo "Set redis-cluster:redis.$name to $was")"
  done
  recognise_role_sentinel "$etc/redis-sentinel.conf"
}

# The file of a sentinel has all that it knows. An address of this host alone is the role's own fault, and mended.
recognise_role_sentinel() {
  local was address port
  has_sentinel || not_taken_over "the role deployed a sentinel too; expected redis-cluster:hosts.$self.sentinel to be not false"
  was=$(setting "$1" port 26379)
  [[ $was == "${sentinel_port[$self]}" ]] ||
    not_taken_over "its sentinel listens on port $was; expected redis-cluster:sentinelPort, ${sentinel_port[$self]}"
  was=$(redis_file "$1" | awk '$1 == "sentinel" && $2 == "monitor" { print $3 }' | xargs)
  [[ $was == "$master_name" ]] ||
    not_taken_over "its sentinel watches '$was'; expected $master_name alone. Where that is the group to take over, set redis-cluster:masterName"
  while read -r address port; do
    if [[ $address =~ ^127\. || "$address $port" == "${sentinel_address[$self]} ${sentinel_port[$self]}" ]] ||
      is_node "$address $port" || is_other_sentinel "$address $port"; then
      continue
    fi
    not_taken_over "its sentinel knows $address:$port; expected members of redis-cluster:hosts alone. Add that host; or where it is gone for good, and all others are up, have each sentinel forget it: redis-cli -p ${sentinel_port[$self]} SENTINEL RESET $master_name"
  done < <(redis_file "$1" | awk '$1 == "sentinel" && $2 ~ /^(monitor|known-.*)$/ && $4 ~ /^[0-9.]+$/ { print $4, $5 }')
}

not_taken_over() {
  die "what the Ansible role deployed here is not taken over: $1. Then run pulumi up again; nothing that runs was touched"
}

# role_setting NAME: what the role's node runs with, or would.
role_setting() {
  local -A preset=([dir]=./ [dbfilename]=dump.rdb [appendonly]=no [appendfilename]=appendonly.aof
    [appenddirname]=appendonlydir [databases]=16)
  if role_runs redis-cluster.service; then
    ask_role "$node_address_here" "$node_port_here" CONFIG GET "$1" | sed -n 2p
  else
    setting "$etc/redis-cluster.conf" "$1" "${preset[$1]}"
  fi
}

# --- taking over --------------------------------------------------------------------------------

# admit_users: this program's users, beside the one there is, on the running daemons of this host. They accept
# every login before any daemon of the group uses one. The release is what their next start is composed from.
admit_users() {
  act mark initialised
  switch_release
  if role_runs redis-cluster.service; then
    admit users.acl 'CONFIG REWRITE' "$node_address_here" "$node_port_here"
  fi
  if role_runs redis-sentinel.service; then
    admit sentinel-users.acl 'SENTINEL FLUSHCONFIG' "${sentinel_address[$self]}" "${sentinel_port[$self]}"
  fi
}

# The user default stays as it is until the restart: the role's daemons still log in as it.
admit() {
  {
    ask_group users-text "$releases/$release" "$1" | sed -n '/^user default /d; s/^user \([^ ]*\)/ACL SETUSER \1 reset/p'
    echo "$2"
  } | tell ask_role "$3" "$4"
}

# use_logins: the running daemons of this host log in as this program's users, everywhere, and announce the
# host's address; all daemons of the group know the users by now.
use_logins() {
  if role_runs redis-cluster.service; then
    tell ask "$node_address_here" "$node_port_here" <<<"CONFIG SET masteruser replication masterauth $(secret "$staged/secrets" replication)
CONFIG REWRITE"
  fi
  if role_runs redis-sentinel.service; then
    tell ask "${sentinel_address[$self]}" "${sentinel_port[$self]}" <<<"SENTINEL SET $master_name $(sentinel_login)
SENTINEL CONFIG SET sentinel-user sentinel
SENTINEL CONFIG SET sentinel-pass $(secret "$staged/secrets" sentinel)
SENTINEL CONFIG SET announce-ip ${sentinel_address[$self]}"
  fi
}

sentinel_login() {
  printf 'auth-user sentinel auth-pass %s' "$(secret "$staged/secrets" sentinel)"
}
