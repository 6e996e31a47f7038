# shellcheck shell=bash
# What Pulumi wants, staged until a step makes it live. Root goes by what is staged, so every line has to be of the
# form that this program writes: an SSH user who may run nothing else as root gains nothing by a line of its own.

# verb stage OWNER (files on stdin, as write-files takes them)
verb_stage() {
  local incoming file refused=''
  take_lock
  refuse_planted
  refuse_other_owner "${1:-}"
  incoming=$(mktemp -d "$releases/.XXXXXX") || die "nothing was staged; free some space, then run pulumi up again"
  if "$programs/write-files" "$incoming" 0640 root:redis >/dev/null; then
    for file in "$incoming"/*; do refused+=$(of_other_form "$file"); done
    if [[ -z $refused ]]; then mv -f "$incoming"/* "$staged/"; fi
  else
    refused='what came was not whole; '
  fi
  rm -rf "$incoming"
  [[ -z $refused ]] || die "nothing was staged: ${refused%; }; expected files as this version of the program writes them. Run pulumi up again"
  fresh_id
}

# of_other_form FILE: what in it is not as this program writes it.
of_other_form() {
  local name=${1##*/} form line
  case $name in
    # Root goes by the administrator's units where there are any, and Redis alone by certificates.
    redis-cluster.service | redis-sentinel.service | redis-cluster-firewall.service | tls.ca | tls.crt | tls.key) return ;;
  esac
  if ! form=$(form_of "$name"); then
    printf '%s is no file of a release; ' "$name"
  elif line=$(first_match -vxE "#.*|$form|" "$1" && first_match '[[:cntrl:]]' "$1") && [[ -z $line ]]; then
    return
  else
    printf '%s: line %s; ' "$name" "$(head -n 1 <<<"$line")"
  fi
}

# first_match GREP_ARGUMENT... FILE: the number of the first such line; 1 where that could not be found out.
first_match() {
  local found status=0
  found=$(grep -anm 1 "$@") || status=$?
  ((status < 2)) || return 1
  if [[ -n $found ]]; then printf '%s\n' "${found%%:*}"; fi
}

# form_of NAME: what each line of this file may be, as an extended regular expression.
form_of() {
  local word='[A-Za-z0-9_][A-Za-z0-9._-]*' number='[0-9]{1,9}' address='[0-9]{1,3}(\.[0-9]{1,3}){3}'
  case $1 in
    members)
      printf '%s' "(master-name|self) $word|(quorum|sentinel-return) $number|limits $number $number" \
        "|plain-ports $number $number|(node|sentinel) $word $address $number"
      ;;
    secrets) printf '%s' "(replication|sentinel|operator|previous-operator) [A-Za-z0-9_-]+|adopt .+|hash $word( [0-9a-f]{64})+" ;;
    users.acl | sentinel-users.acl) printf '%s' "user $word .+" ;;
    redis.conf | sentinel.conf) printf '%s' '[a-z][a-z0-9_-]* .+' ;;
    # Its own table alone.
    firewall.nft)
      printf '%s' 'table inet redis_cluster( \{)?|delete table inet redis_cluster| *\}| *chain input \{' \
        '| *type filter hook input priority filter; policy accept;| *tcp dport != \{ [0-9, ]+ \} accept' \
        '| *iif lo accept| *ip saddr [0-9./]+ accept| *meta l4proto tcp reject with tcp reset'
      ;;
    *) return 1 ;;
  esac
}

# verb check-programs OWNER MASTER_NAME [CONSENT] ("program SHA256 NAME" lines on stdin): as check-owner, and whether the
# programs that an administrator installed are the ones that Pulumi would write.
verb_check_programs() {
  local keyword sum name
  refuse_other_owner "$@"
  while read -r keyword sum name; do
    [[ $keyword == program ]] || continue
    [[ $name =~ ^$program_names$ ]] || die "unknown program '$name'"
    [[ $(sha256sum <"$programs/$name") == "$sum  -" ]] ||
      die "$programs/$name, which an administrator installed here, is of another version; expected the one with the sha256 $sum. Have an administrator install this one, as 'npm run host-helper' writes it, then run pulumi up again. Nothing was changed"
  done
  [[ -d $programs/units ]] ||
    die "$programs was not installed by an administrator; expected that where redis-cluster:ssh.helper is true. See 'Without full sudo' in docs/operations.md. Nothing was changed"
  fresh_id
}
