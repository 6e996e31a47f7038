# shellcheck shell=bash
# Bootstrapping happens once in a group's life: when every host has proved, in this very run, that
# the group was never whole. Which host is marked is decided where all proofs come together (bootstrap.ts).

# verb node-prove: one line "NAME STATE" for this host; STATE is one of
#   initialised      the group has been whole with this host in it
#   role-deployed    the old Ansible role's, recognised
#   marked           the bootstrap of an unfinished first deployment
#   unread           data that would not be loaded
#   retired-master   data kept by a destroy, written as master
#   data             data of another kind
#   empty
verb_node_prove() {
  local state=empty
  load_members "$staged/members"
  if [[ -e $initialised ]]; then
    state=initialised
  elif role_deployed; then
    recognise_role
    state='role-deployed'
  elif [[ $(bootstrap_mark) == "$self" ]]; then
    state=marked
  elif [[ -n $(unread "$staged/redis.conf") ]]; then
    state=unread
  elif holds_files && [[ -e $data/retired-master ]]; then
    state='retired-master'
  elif holds_files; then
    state=data
  fi
  printf '%s %s\n' "$self" "$state"
}

# bootstrap_mark: the name of the bootstrap master of a first deployment that is going on. It says nothing
# any more once the group has been whole.
bootstrap_mark() {
  [[ ! -e $initialised && -f $bootstrap ]] || return 0
  local name
  read -r name <"$bootstrap" || true
  printf '%s' "${name:-}"
}

# mark_bootstrap: as the step was told to.
mark_bootstrap() {
  [[ -n $step_bootstrap ]] || return 0
  [[ -n ${node_address[$step_bootstrap]:-} ]] ||
    die "the bootstrap master is '$step_bootstrap'; expected one of redis-cluster:hosts. Run pulumi up again"
  place 0644 "$bootstrap" <<<"$step_bootstrap"
}
