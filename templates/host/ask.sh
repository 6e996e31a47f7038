# shellcheck shell=bash
# ask_group VERB ARGUMENT...: a verb of the part in Python, which has said itself why it failed. In the background, so
# that a signal to this program is not left waiting.
ask_group() {
  local status=0
  "${with_this[@]}" "${python_part[@]}" "$@" 3>&- 4>&- &
  wait "$!" || status=$?
  if ((status == explained)); then exit "$explained"; fi
  return "$status"
}
