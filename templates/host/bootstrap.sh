# shellcheck shell=bash
# bootstrap_mark: the name of the bootstrap master of a first deployment that is going on. It says nothing
# any more once the group has been whole.
bootstrap_mark() {
  [[ ! -e $initialised && -f $bootstrap ]] || return 0
  local name
  read -r name <"$bootstrap" || true
  printf '%s' "${name:-}"
}
