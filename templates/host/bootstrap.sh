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
  local state=empty kept
  load_members "$staged/members"
  if [[ -e $initialised ]]; then
    state=initialised
  elif role_deployed; then
    recognise_role
    state='role-deployed'
  elif [[ $(bootstrap_mark) == "$self" ]]; then
    state=marked
  else
    kept=$(ask_group kept "$staged/redis.conf" "$data" "$(last_role)")
    case $kept in
      unread) state=unread ;;
      files) state=$([[ -e $data/retired-master ]] && echo retired-master || echo data) ;;
    esac
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
