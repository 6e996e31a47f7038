# shellcheck shell=bash
# What the steps of a rollout (redis_cluster/steps.py) still have of bash.

# verb part FUNCTION...: calls them one after the other; what they have done on stdout.
verb_part() {
  local function
  work=''
  load_members "$staged/members"
  secrets_file=$staged/secrets
  operator_password=$(secret "$secrets_file" operator)
  release=$(release_hash "$staged")
  for function; do "$function"; done
  printf '%s' "$work"
}

# did TEXT: notes what this step has done.
did() {
  work+="${work:+; }$*"
}
