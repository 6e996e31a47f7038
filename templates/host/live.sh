# shellcheck shell=bash
# What running daemons take, set at run time by redis_cluster/live.py.

apply_node_live() {
  local taken
  taken=$(ask_group node-takes "$releases/$release" "${step_plan:-}" "${step_override:-}")
  note_taken "$taken"
}

apply_sentinel_live() {
  local taken
  taken=$(ask_group sentinel-takes "$releases/$release")
  note_taken "$taken"
}

# note_taken LINES
note_taken() {
  local line
  while read -r line; do
    case $line in
      '') ;;
      certificate) did 'took the new certificate' ;;
      users) did 'changed users' ;;
      *)
        [[ $line =~ ^set\ ([a-z0-9\ -]+)$ ]] || die "a daemon took '$(printf '%.80s' "$line")'; expected names of settings. Run pulumi up again"
        did "set at run time: ${BASH_REMATCH[1]}"
        ;;
    esac
  done <<<"$1"
}

# A limit below what is in use would throw keys away at once, where the policy is to evict.
refuse_evicting_maxmemory() {
  ask_group refuse-evicting "$releases/$release"
}

# The daemon now runs with all that the release says: the next start composes from it too.
adopt_release() {
  switch_release
  ask_group note-release "$1" "$release"
  did "nothing restarted"
}
