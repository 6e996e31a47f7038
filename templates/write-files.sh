#!/bin/bash
# write-files DIRECTORY MODE OWNER:GROUP: splits standard input at its lines "==> NAME <==" into files of that
# directory, each put there in one rename, so that a full disk or a cut connection leaves the old file.
# Prints a fresh id: the steps that follow run again on it.
set -euo pipefail
umask 077
directory=$1 mode=$2 owner=$3

failed() {
  printf 'redis-cluster[%s]: error: nothing written to %s, the old files stay; free some space or make the file system writable, then run pulumi up again\n' "$(uname -n)" "$directory" >&2
  exit 1
}

mkdir -p "$directory"
new=$(mktemp -d "$directory/.new.XXXXXX") || failed
trap 'rm -rf "$new"' EXIT
# All of them are on the disk before the first takes its place.
awk -v new="$new" '
  /^==> [A-Za-z0-9._-]+ <==$/ { if (file) close(file); file = new "/" $2; printf "" >file; next }
  { print >file }
' || failed
chown "$owner" "$new"/*
chmod "$mode" "$new"/*
sync "$new"/* || failed
mv -f "$new"/* "$directory/"
cat /proc/sys/kernel/random/uuid
