# shellcheck shell=bash
# What the steps of a rollout (redis_cluster/steps.py) still have of bash.

# verb part PLAN OVERRIDE FUNCTION...: calls them one after the other; what they have done on stdout.
verb_part() {
  local line words
  step_plan=$1 step_override=$2 work=''
  shift 2
  load_members "$staged/members"
  secrets_file=$staged/secrets
  operator_password=$(secret "$secrets_file" operator)
  release=$(release_hash "$staged")
  for line; do
    read -r -a words <<<"$line"
    "${words[@]}"
  done
  printf '%s' "$work"
}

# prepare_passwords: by node-start, before any daemon or client of the group uses a new one.
prepare_passwords() {
  [[ -e $current/secrets ]] || return 0
  operator_password=$(operator_login)
  refuse_clients_left
  accept_passwords
  operator_password=$(secret "$staged/secrets" operator)
  prepare_tls_change
}

# did TEXT: notes what this step has done.
did() {
  work+="${work:+; }$*"
}
