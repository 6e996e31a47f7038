#!/bin/bash
# write-files DIRECTORY MODE OWNER:GROUP: splits standard input at its lines "==> NAME <==" into files of that
# directory, each put there in one rename. The last line is "==> end <==": a full disk and a cut connection
# alike leave the old files. On a host that has nothing yet it comes itself on standard input, before the files.
# Prints a fresh id: the steps that follow run again on it.
set -euo pipefail
umask 077

failed() {
  printf 'redis-cluster[%s]: error: nothing written to %s, the old files stay; see that the connection holds, the disk has room and the file system is writable, then run pulumi up again\n' "$(uname -n)" "$1" >&2
  exit 1
}

write_files() {
  local directory=$1 mode=$2 owner=$3
  # Redis runs what is in it.
  [[ -d $directory ]] || install -d -m 0755 "$directory"
  new=$(mktemp -d "$directory/.new.XXXXXX") || failed "$directory"
  trap 'rm -rf "$new"' EXIT
  # All of them are on the disk before the first takes its place.
  awk -v new="$new" '
    ended { next }
    /^==> end <==$/ { ended = 1; next }
    /^==> [A-Za-z0-9._-]+ <==$/ { if (file) close(file); file = new "/" $2; printf "" >file; next }
    { print >file }
    END { exit !ended }
  ' || failed "$directory"
  chown "$owner" "$new"/*
  chmod "$mode" "$new"/*
  sync "$new"/* || failed "$directory"
  mv -f "$new"/* "$directory/"
  cat /proc/sys/kernel/random/uuid
}

# Nothing behind this line is read as a program.
write_files "$@"; exit
