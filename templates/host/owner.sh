# shellcheck shell=bash
# Whose this host is: one stack's, by project and stack, and by nothing that is lost with a state. Any other is refused
# before anything is written on any host.

# verb check-owner OWNER MASTER_NAME [CONSENT]: refuses a stack whose this host is not. What runs comes on stdin: there
# is nothing of ours on a new host yet.
verb_check_owner() {
  refuse_other_owner "$@"
  fresh_id
}

# refuse_other_owner OWNER [MASTER_NAME [CONSENT]]: a host that nobody owns is anybody's.
refuse_other_owner() {
  local owner=$1 was word='[A-Za-z0-9_.-]+'
  [[ $owner =~ ^$word/$word$ ]] || die "owner '$owner'; expected project/stack"
  was=$(owner_here)
  case $was in
    '' | "$owner") return ;;
    */*) ;;
    # By the master's name, in which the stack's had to be at that time.
    *) if [[ $was == "${2:-$was}" && $was == *"${owner#*/}"* ]]; then return; fi ;;
  esac
  if [[ ${3:-} == "$was to $owner" ]]; then return; fi
  die "this host belongs to $was; expected one that belongs to no other stack than $owner. Nothing was changed. Set redis-cluster:hosts to hosts of its own. Only where $was is what this very stack was called before: pulumi config set renamed '$was to $owner', then run pulumi up again"
}

# owner_here: PROJECT/STACK; the master's name where an older version of this program deployed the group.
owner_here() {
  local file
  if [[ -e $programs/owner ]]; then
    head -n 1 "$programs/owner"
  elif root_owns "$managed"; then
    for file in "$current/members" "$staged/members"; do
      if [[ -e $file ]]; then
        sed -n '/^master-name /{s///p;q}' "$file"
        break
      fi
    done
  fi
}
