# shellcheck shell=bash
# Has the very binaries that will read a release read it, away from the live data, ports and members.

# A configuration is read in a few hundredths of a second; more than this many seconds is a refusal.
validate_limit=10

# validate_release DIR: 0 if Redis and Sentinel accept DIR's files; else 1, with their own words on stderr.
# Wants the members loaded.
validate_release() {
  local scratch accepted=1
  scratch=$(mktemp -d)
  node_text "$1" >"$scratch/node.conf"
  # Port 1 of this host: a master that nobody answers for, so that nothing is announced to anyone.
  if has_sentinel; then sentinel_text "$1" 127.0.0.1 1 >"$scratch/sentinel.conf"; fi
  {
    dry_run redis.conf "$scratch" 'eady to accept connections' "$scratch/node.conf" --appendonly no --save '' --replicaof no one &&
      { ! has_sentinel || dry_run sentinel.conf "$scratch" '+monitor master' "$scratch/sentinel.conf" --sentinel; }
  } || accepted=0
  rm -rf "$scratch"
  ((accepted))
}

# dry_run NAME DIR READY ARGUMENT...: starts redis-server in DIR, on a socket there and no port, until it says READY;
# else reports what it said about the file called NAME in the release.
dry_run() {
  local name=$1 scratch=$2 ready=$3 output='' line pid log encryption=no status=1 deadline=$((SECONDS + validate_limit))
  shift 3
  # Without a port for it Redis reads the certificate only where it encrypts its own links.
  if grep -q '^tls-cert-file ' "$1"; then encryption=yes; fi
  exec {log}< <(
    exec redis-server "$@" --port 0 --tls-port 0 --tls-replication "$encryption" --unixsocket "$scratch/socket" \
      --dir "$scratch" --logfile '' --pidfile '' --daemonize no --supervised no 2>&1 3>&- 4>&-
  )
  pid=$!
  while read -r -t "$validate_limit" line <&"$log"; do
    output+=$line$'\n'
    # A module may go on talking.
    ((SECONDS < deadline && ${#output} < 100000)) || break
    # Redis repeats a line of the file that it does not understand, but not as one of its log.
    if [[ $line =~ ^[0-9]+:[A-Z]\  && $line == *"$ready"* ]]; then
      status=0
      break
    fi
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
  exec {log}<&-
  if ((status)); then say "$name was refused: $(complaint <<<"$output")"; fi
  return "$status"
}

# complaint: of what a daemon said before it gave up (stdin), the reason: an error in the file comes as plain
# lines, any other error as the last lines of the log.
complaint() {
  local log_line='^[0-9]+:[A-Z] [0-9]{2} [A-Z][a-z]{2} [0-9:. ]+ [#*.-] ' output
  output=$(sed -E 's/#[0-9a-f]{64}/#.../g' | grep . || echo "not a word within $validate_limit seconds")
  grep -vE "$log_line" <<<"$output" ||
    grep -vE "$log_line(WARNING|oO0|Redis version|Configuration loaded|monotonic|Running mode|Server init)" <<<"$output" |
    sed -E "s/$log_line//"
}
