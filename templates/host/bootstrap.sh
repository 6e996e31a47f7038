# shellcheck shell=bash
# Bootstrapping happens once in a group's life: when every host has proved, in this very run, that
# the group was never whole. The proofs reach every host, and each decides for itself alike.

# verb node-prove (ids of every host's preparation on stdin): one line "NAME RUN STATE" for this host;
# RUN stands for those ids, STATE is one of
#   initialised      the group has been whole with this host in it
#   marked           the bootstrap of an unfinished first deployment
#   role-deployed    the old Ansible role's, recognised
#   retired-master   data kept by a destroy, written as master
#   unread           data that would not be loaded
#   data             data of another kind
#   empty
verb_node_prove() {
  local state=empty run
  run=$(sha256sum | cut -c 1-16)
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
  printf '%s %s %s\n' "$self" "$run" "$state"
}

# choose_bootstrap PROOFS: the host to mark, on stdout; nothing when the group needs no bootstrap.
choose_bootstrap() {
  local name run state runs marked=() retired=() data_hosts=() unread_hosts=() role_hosts=() known=0 heard_of=' '
  while read -r name run state; do
    [[ -n $name ]] || continue
    [[ -n ${node_address[$name]:-} && $heard_of != *" $name "* ]] ||
      die "a proof of '$name'; expected one of each host of redis-cluster:hosts; run pulumi up again"
    heard_of+="$name " known=$((known + 1))
    [[ -z ${runs:-} || $runs == "$run" ]] ||
      die "the proofs come from different runs ($runs, $run); run pulumi up again"
    runs=$run
    case $state in
      initialised) return 0 ;;
      role-deployed) role_hosts+=("$name") ;;
      marked) marked+=("$name") ;;
      retired-master) retired+=("$name") ;;
      unread) unread_hosts+=("$name") ;;
      data) data_hosts+=("$name") ;;
      empty) ;;
      *) die "proof of $name is '$state'; run pulumi up again" ;;
    esac
  done <<<"$1"
  ((known == ${#node_names[@]})) ||
    die "$known hosts proved their state; expected ${#node_names[@]}; run pulumi up again"
  ((!${#unread_hosts[@]})) ||
    die "there are data on ${unread_hosts[*]} that this configuration would not load, and would overwrite. On each of them 'sudo $programs/redis-cluster convert' tells which, and 'convert NAME' has Redis make of one what it loads; or move what is not wanted out of $data. Then run pulumi up again"
  if ((${#role_hosts[@]})); then
    ((${#marked[@]} + ${#retired[@]} + ${#data_hosts[@]} == 0)) ||
      die "the Ansible role's group on ${role_hosts[*]} is not taken over: there are other data on ${marked[*]} ${retired[*]} ${data_hosts[*]}; expected empty hosts. Empty $data there, then run pulumi up again"
  elif ((${#marked[@]} == 1)); then
    printf '%s' "${marked[0]}"
  elif ((${#marked[@]} == 0 && ${#retired[@]} == 1)); then
    printf '%s' "${retired[0]}"
  elif ((${#marked[@]} + ${#retired[@]} + ${#data_hosts[@]} == 0)); then
    printf '%s' "$bootstrap_master"
  else
    die "data of unknown age on: ${marked[*]} ${retired[*]} ${data_hosts[*]}; expected empty hosts, or exactly one that was the master. Look at $data on each, then either empty it on all hosts or 'touch $data/retired-master' on the one whose data to keep, and run pulumi up again"
  fi
}
