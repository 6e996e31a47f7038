# shellcheck shell=bash
# The last part of the program of redis's: verb-name calls the function verb_verb_name.

main() {
  local verb=${1:-}
  doing=$verb
  verb=${verb//-/_}
  declare -F "verb_$verb" >/dev/null ||
    die "unknown verb '${1:-}'; expected one of: $(declare -F | sed -n 's/^declare -f verb_//p' | tr '_\n' '- ')"
  shift
  "verb_$verb" "$@"
}

main "$@"
