# shellcheck shell=bash
# What every verb of the host program shares: paths, messages, the members file, asking a daemon.

# Tests put a whole host below another root.
root=${REDIS_CLUSTER_ROOT:-}
etc=$root/etc/redis-cluster
data=$root/var/lib/redis-cluster
run=$root/run/redis-cluster
# Root's, in a directory of redis's, which may read it.
managed=$etc/managed
current=$managed/current
previous=$managed/previous
initialised=$managed/initialised
bootstrap=$managed/bootstrap
programs=$root/usr/local/lib/redis-cluster

# A daemon that does not answer within this many seconds counts as unreachable.
ask_timeout=2
# So does one whose answer takes the client more than this many KiB of memory: a daemon that lies may go on for
# ever. The list of a full node's clients, 20 MB, takes less.
ask_memory=524288

# Before a command that is not to go on when this process has ended.
with_this=(setpriv --pdeathsig=KILL)

# The part in Python. The distribution's own Python: what stands in /usr/local may be any.
python_part=(/usr/bin/python3 -I -S "$programs/redis_cluster/__main__.py")

say() {
  printf 'redis-cluster[%s]: %s\n' "${self:-$(uname -n)}" "$*" | printable >&2
}

# What daemons and hosts say is in the messages: it may not steer the terminal that shows them.
printable() {
  tr -d '\000-\010\013-\037\177'
}

# The status of what has said why it failed, also in a subshell; to everybody else it is 1.
explained=70

die() {
  say "error: $*"
  exit "$explained"
}

# Nothing ends without a word: neither what fails and says nothing, nor what takes too long.
doing='' failed_at='' at_end=''
set -E
trap 'failed_at="line $LINENO: $BASH_COMMAND"' ERR
trap 'exit 143' TERM
trap ended EXIT

# ended: whatever becomes of a verb, the function that at_end names is called.
ended() {
  local status=$?
  trap - ERR
  # `timeout` sends it twice, and the last word is still to be said.
  trap : TERM
  set +e
  if [[ -n $at_end ]]; then "$at_end"; fi
  case $status in
    0) ;;
    "$explained") status=1 ;;
    143) say "error: ${doing:-this program} was ended before it was done: it took too long, or somebody stopped it. Look what it waits for with 'redis-cluster gate' here, then run pulumi up again" ;;
    *) say "error: ${doing:-this program} ended with status $status at $failed_at; expected that it goes on, or says why not. Look at the host, with 'redis-cluster gate' at the group, then run pulumi up again" ;;
  esac
  exit "$status"
}

# act WORD...: has root's part do one of its acts (root/verbs.py); what that comes to on stdout. It says itself why it
# was not done. On files 3 and 4, which nobody else gets.
act() {
  local answer=''
  { printf '%s\n' "$*" >&3 && IFS= read -r answer <&4; } 2>/dev/null ||
    die "'$1' is done by root; expected that instead of $(id -un): sudo $programs/redis-cluster"
  case $answer in
    ok) ;;
    'ok '*) printf '%s\n' "${answer#ok }" ;;
    *) exit "$explained" ;;
  esac
}

# redis_file FILE: what is in a file of redis's, where a link or a pipe may be.
redis_file() {
  dd if="$1" iflag=nofollow,nonblock bs=1M count=8 status=none 2>/dev/null | tr -d '\0'
}

# load_members FILE: master name, quorum, own name and address, the seconds until a stopped sentinel returns and
# those of the limits, and the nodes and sentinels of the group.
# The file is parsed, never sourced: redis may not make root run anything.
load_members() {
  local keyword first second third
  members_file=$1
  master_name='' quorum='' self='' sentinel_return='' stall_limit=60
  tls_options=() plain_node_port='' plain_sentinel_port=''
  node_names=() sentinel_names=()
  declare -gA node_address=() node_port=() sentinel_address=() sentinel_port=()
  [[ -r $1 ]] || die "cannot read $1; expected the members file that pulumi up writes"
  while read -r keyword first second third; do
    case $keyword in
      # Releases from before have a bootstrap-master.
      '' | '#'* | bootstrap-master) ;;
      master-name) master_name=$first ;;
      quorum) quorum=$first ;;
      self) self=$first ;;
      sentinel-return) sentinel_return=$first ;;
      limits) stall_limit=$first ;;
      plain-ports)
        plain_node_port=$first plain_sentinel_port=$second
        tls_options=(--tls --cacert "${1%/*}/tls.ca" --cert "${1%/*}/tls.crt" --key "${1%/*}/tls.key")
        ;;
      node)
        node_names+=("$first")
        node_address[$first]=$second
        node_port[$first]=$third
        ;;
      sentinel)
        sentinel_names+=("$first")
        sentinel_address[$first]=$second
        sentinel_port[$first]=$third
        ;;
      *) die "$1: unknown line '$keyword $first'; run pulumi up again" ;;
    esac
  done <"$1"
  [[ -n $master_name && -n $quorum && -n $self && -n $sentinel_return && ${#node_names[@]} -gt 0 ]] ||
    die "$1: incomplete; run pulumi up again"
  node_address_here=${node_address[$self]:-} node_port_here=${node_port[$self]:-}
}

# has_sentinel: whether this host runs a sentinel. Wants the members loaded.
has_sentinel() {
  [[ -n ${sentinel_address[$self]:-} ]]
}

# is_node PLACE: whether "ADDRESS PORT" is that of a member's node.
is_node() {
  local name
  for name in "${node_names[@]}"; do
    [[ "${node_address[$name]} ${node_port[$name]}" != "$1" ]] || return 0
  done
  return 1
}

# whether COMMAND...: `yes` or `no`, for the part in Python.
whether() {
  if "$@"; then echo yes; else echo no; fi
}

# secret FILE NAME: one password of a secrets file (lines "NAME PASSWORD").
secret() {
  local name value
  while read -r name value; do
    if [[ $name == "$2" ]]; then
      printf '%s' "$value"
      return
    fi
  done <"$1"
  die "$1: no secret named $2; run pulumi up again"
}

# ask ADDRESS PORT [COMMAND...]: the daemon's reply on stdout; ADDRESS may be a socket. Logs in as `operator`, or
# as whom ask_as names, with the password in operator_password.
# 0: a reply; 1: unreachable; 2: an error reply, which is on stdout.
# Without COMMAND redis-cli reads commands from stdin, one a line; it then never reports an error reply by 2.
ask() {
  local where=(-h "$1" -p "$2" "${tls_options[@]}") reply status=0
  if [[ $1 == /* ]]; then where=(-s "$1"); fi
  shift 2
  reply=$(
    ulimit -v "$ask_memory"
    REDISCLI_AUTH=$operator_password timeout "$ask_timeout" \
      redis-cli --user "${ask_as:-operator}" --no-auth-warning -e "${where[@]}" "$@" 2>&1 3>&- 4>&- |
      tr -d '\000-\010\013-\037\177'
  ) || status=$?
  printf '%s\n' "$reply"
  if [[ $status -eq 124 || $reply == 'Could not connect'* || $reply == 'Error: '* ]]; then return 1; fi
  if ((status == 0)); then return 0; fi
  return 2
}

# here [COMMAND...]: as ask, of this host's node.
here() {
  ask "$node_address_here" "$node_port_here" "$@"
}

# field TEXT NAME: the value of the first "NAME:value" in an INFO reply; empty when there is none.
field() {
  sed -n "/^$2:/{s///p;q}" <<<"$1"
}
