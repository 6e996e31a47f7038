#!/bin/bash
# write-files DIRECTORY MODE OWNER:GROUP [PACKAGE]: splits standard input at its lines "==> NAME <==" into files of that
# directory, each put there in one rename. The last line is "==> end <==": a full disk and a cut connection alike leave
# the old files. With PACKAGE the input is gzip in base64, and among the files are a directory of Python modules, named
# PACKAGE/NAME.py, that takes the place of the one that is there as a whole; everybody may read them. On a host that has
# nothing yet this script comes itself on standard input, before the files.
# Prints a fresh id: the steps that follow run again on it.
set -euo pipefail
umask 077

failed() {
  printf 'redis-cluster[%s]: error: nothing written to %s, the old files stay; see that the connection holds, the disk has room and the file system is writable, then run pulumi up again\n' "$(uname -n)" "$1" >&2
  exit 1
}

# What root's part is written in, and what directs it.
install_python() {
  local output
  output=$(get_python 2>&1) || output=$(patiently update && get_python 2>&1) || {
    printf "redis-cluster[%s]: error: python3 could not be installed: %s. Make 'sudo apt-get install python3' work on this host, then run pulumi up again\n" "$(uname -n)" "$(tail -n 5 <<<"$output")" >&2
    exit 1
  }
}

# patiently WORD...: apt-get. Its lists and archives have locks that it waits for never: a fresh host's first automatic
# update may hold them.
patiently() {
  local said end=$((SECONDS + 120))
  until said=$(LC_ALL=C DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -y "$@" 2>&1 </dev/null); do
    if [[ $said != *" lock "* ]] || ((SECONDS >= end)); then
      printf '%s\n' "$said"
      return 1
    fi
    sleep 1
  done
}

get_python() {
  patiently -o DPkg::Lock::Timeout=120 --no-install-recommends install python3
}

# unpacked PACKAGE: standard input as it is read.
unpacked() {
  if [[ $1 ]]; then base64 -d | gzip -d; else cat; fi
}

write_files() {
  local directory=$1 mode=$2 owner=$3 package=${4:-}
  # The distribution's own: what stands in /usr/local may be any.
  [[ -z $package || -x ${REDIS_CLUSTER_ROOT:-}/usr/bin/python3 ]] || install_python
  # Redis runs what is in it.
  [[ -d $directory ]] || install -d -m 0755 "$directory" || failed "$directory"
  new=$(mktemp -d "$directory/.new.XXXXXX") || failed "$directory"
  trap 'rm -rf "$new"' EXIT
  # All of them are on the disk before the first takes its place.
  unpacked "$package" | awk -v new="$new" -v package="$package" '
    ended { next }
    /^==> end <==$/ { ended = 1; next }
    /^==> [A-Za-z0-9._-]+ <==$/ { if (file) close(file); file = new "/" $2; printf "" >file; next }
    package && /^==> [a-z_\/]+\.py <==$/ && index($2, package "/") == 1 {
      if (file) close(file)
      file = new "/" $2
      directory = file; sub(/\/[^\/]*$/, "", directory)
      if (system("mkdir -p " directory)) exit 1
      printf "" >file; next
    }
    { print >file }
    END { exit !ended }
  ' || failed "$directory"
  chown -R "$owner" "$new"/*
  chmod "$mode" "$new"/*
  if [[ $package ]]; then
    # Modules start in half the time when root has compiled them.
    /usr/bin/python3 -I -m compileall -q -s "$new" -p "$directory" "$new/$package" || failed "$directory"
  fi
  find "$new" -type f -exec sync {} + || failed "$directory"
  if [[ $package ]]; then
    chmod -R u=rwX,go=rX "$new/$package"
    find "$new/$package" -type f -exec chmod a-x {} +
    # Two renames: modules of two versions are never side by side. The program that calls them comes after.
    if [[ -e $directory/$package ]]; then mv -T "$directory/$package" "$new/.old"; fi
    mv -T "$new/$package" "$directory/$package"
  fi
  mv -f "$new"/* "$directory/"
  cat /proc/sys/kernel/random/uuid
}

# Nothing behind this line is read as a program.
write_files "$@"; exit
