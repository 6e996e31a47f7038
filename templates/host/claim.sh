# shellcheck shell=bash
# Who may take a component away. Pulumi's delete runs last in a replacement and also after the state was
# lost and made anew, so a delete only acts when the claim it was made with is the one in force.

# A replacement's delete follows its create in the same run; a mark older than this, in seconds,
# was left by a run that was killed.
replacement_limit=1800

claim_file() {
  printf '%s/claim.%s' "$programs" "$1"
}

# verb claim COMPONENT TOKEN [new]: a node's prepares the host first. The token is the id of the host program's
# last writing. A new resource with the token already in force replaces one whose delete is still to come.
verb_claim() {
  local file token=$2
  check_claim "$1" "$token"
  take_lock
  if [[ $1 == node ]]; then install_host; fi
  file=$(claim_file "$1")
  if [[ ${3:-} == new && -f $file && $(head -n 1 "$file") == "$token" ]]; then
    printf '%s\nreplaced %s\n' "$token" "$(date +%s)" >"$file"
  else
    printf '%s\n' "$token" >"$file"
  fi
  fresh_id
}

# Both become part of what root reads again.
check_claim() {
  [[ $1 =~ ^(node|sentinel)$ && $2 =~ ^[0-9a-f-]{36}$ ]] || die "claim '$1' '$2'; expected a component and an id"
}

# verb unclaim COMPONENT TOKEN keep-data|delete-data [OWNER]: of a stack whose group another one has since, as a state
# that was copied, it takes nothing.
verb_unclaim() {
  local component=$1 token=$2 file word since
  check_claim "$component" "$token"
  take_lock
  if [[ -n ${4:-} && -e $programs/owner && $(owner_here) != "$4" ]]; then return; fi
  file=$(claim_file "$component")
  [[ -f $file && $(head -n 1 "$file") == "$token" ]] || return 0
  read -r word since < <(tail -n 1 "$file")
  if [[ $word == replaced ]] && (($(date +%s) - since < replacement_limit)); then
    printf '%s\n' "$token" >"$file"
    return
  fi
  # A group that was never taken over stays the Ansible role's.
  if role_deployed && [[ ! -e $initialised ]]; then
    give_back_directory
    [[ $component == sentinel ]] || remove_programs
  elif [[ $component == sentinel ]]; then remove_sentinel; else remove_node "$3"; fi
  rm -f "$file"
  rmdir --ignore-fail-on-non-empty "${file%/*}"
}

# What redis puts into the directory while it is emptied would stay.
shut_directory() {
  [[ -d $etc ]] || return 0
  chown root:root "$etc"
  chmod 0700 "$etc"
}

# As the role had it.
give_back_directory() {
  shut_directory
  rm -rf "$managed"
  chmod 0755 "$etc"
  chown redis:redis "$etc"
}

remove_sentinel() {
  disarm_return
  remove_unit redis-sentinel.service
  rm -f "$etc/redis-sentinel.conf"
}

# With the data stays the role they were written in: a later deployment has to know whose are the newest.
remove_node() {
  if [[ $1 == keep-data && -f $etc/redis-cluster.conf ]]; then
    rm -f "$data/retired-master"
    if ! redis_file "$etc/redis-cluster.conf" | grep '^replicaof ' >/dev/null; then
      "${as_redis[@]}" touch "$data/retired-master" 9>&-
    fi
  fi
  remove_unit redis-cluster.service
  if [[ -e $unit_directory/redis-cluster-firewall.service ]]; then remove_unit redis-cluster-firewall.service; fi
  shut_directory
  rm -rf "$etc" "$root/var/log/redis-cluster"
  [[ $1 == keep-data ]] || rm -rf "$data"
  remove_programs
}

# What an administrator installed, an administrator removes.
remove_programs() {
  rm -f "$programs"/{sums,owner}
  [[ -d $programs/units ]] || rm -rf "$programs"/{redis-cluster,write-files,redis_cluster}
}

remove_unit() {
  systemctl disable --now --quiet "$1" 2>/dev/null || true
  rm -f "$unit_directory/$1"
  systemctl daemon-reload
  systemctl reset-failed "$1" 2>/dev/null || true
}
