# shellcheck shell=bash
# The last part of the host program: verb-name calls the function verb_verb_name.

# verb within SECONDS VERB...: as VERB, ended when it takes longer: a stuck host is let go.
verb_within() {
  [[ ${1:-} =~ ^[1-9][0-9]*$ ]] || die "within '${1:-}'; expected a number of seconds"
  local status=0 limit=''
  timeout -k 10 "$1" "$programs/redis-cluster" "${@:2}" || status=$?
  if ((status == 124 || status == 137)); then
    case ${2:-} in
      stage | check-programs | drift) ;;
      *) limit=', which is redis-cluster:limits.step; where it only takes longer, raise that' ;;
    esac
    die "${2:-} was ended after $1 s$limit. Look at 'redis-cluster gate' and at the load of this host, then run pulumi up again"
  fi
  # The verb has said why.
  if ((status == 1)); then exit "$explained"; fi
  exit "$status"
}

main() {
  local verb=${1:-}
  doing=$verb
  verb=${verb//-/_}
  declare -F "verb_$verb" >/dev/null ||
    die "unknown verb '${1:-}'; expected one of: $(declare -F | sed -n 's/^declare -f verb_//p' | tr '_\n' '- ')"
  case $verb in
    # What makes it and takes it away, and what does not go by it.
    claim | unclaim | within | check_owner | check_programs) ;;
    *) refuse_planted ;;
  esac
  shift
  "verb_$verb" "$@"
}

main "$@"
