# shellcheck shell=bash
# The gate: what must hold on the whole group before a running daemon is stopped, and again before
# the next host's turn. It is asked and judged by redis_cluster/gate.py, as redis.

# verb gate: prints what is wrong with the group, or that nothing is.
verb_gate() {
  local directory=$staged
  if [[ -e $current/members ]]; then directory=$current; fi
  ask_group gate "$directory/members" "$directory/secrets" "$current"
}

gate() {
  ask_group gate "$members_file" "$secrets_file" "$staged" "${step_plan:-}" "${step_override:-}"
}

wait_whole() {
  ask_group whole "$members_file" "$secrets_file" "${step_plan:-}" "${step_override:-}"
}

# ask_group VERB ARGUMENT...: a verb of the part in Python, which has said itself why it failed. In the background, so
# that a signal to this program is not left waiting.
ask_group() {
  local status=0
  "${as_redis[@]}" "${python_part[@]}" "$@" 9>&- &
  wait "$!" || status=$?
  if ((status == explained)); then exit "$explained"; fi
  return "$status"
}
