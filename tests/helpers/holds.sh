#!/bin/bash
# On a lab's host as /usr/local/bin/sudo, which an SSH session finds before /usr/bin/sudo. A step of a rollout, which
# Pulumi runs as `sudo -n redis-cluster within 900 [sentinel-stop] VERB`, waits here while a test holds it:
#   /run/holds/before.VERB   the hold before its work; the step goes on when the test takes the file away
#   /run/holds/after.VERB    the same, after its work and before Pulumi hears of it
#   /run/holds/reached       is there while a step waits: its own pid and that of its SSH session
# Every other call goes to the real sudo at once.
program=/usr/local/lib/redis-cluster/redis-cluster
if [[ "${*:1:3}" != "-n $program within" ]]; then exec /usr/bin/sudo "$@"; fi
verb=${5:-}
if [[ $verb == sentinel-stop ]]; then verb=${6:-}; fi

wait_while_held() {
  local hold=/run/holds/$1.$verb session=$$
  [[ -e $hold ]] || return 0
  until [[ $(cat "/proc/$session/comm") == sshd ]]; do session=$(ps -o ppid= -p "$session" | tr -d ' '); done
  printf '%s %s\n' "$$" "$session" >/run/holds/reached
  while [[ -e $hold ]]; do sleep 0.05; done
  rm -f /run/holds/reached
}

wait_while_held before
status=0
/usr/bin/sudo "$@" || status=$?
wait_while_held after
exit "$status"
