#!/bin/bash
# write-file PATH MODE OWNER:GROUP: puts standard input there in one rename, so that a full disk
# or a cut connection leaves the old file. Prints a fresh id: the steps that follow run again on it.
set -euo pipefail
umask 077
path=$1 mode=$2 owner=$3

mkdir -p "${path%/*}"
temporary=$(mktemp "$path.XXXXXX") || {
  printf 'redis-cluster[%s]: error: cannot write %s; free some space or make the file system writable, then run pulumi up again\n' "$(uname -n)" "$path" >&2
  exit 1
}
trap 'rm -f "$temporary"' EXIT
if ! { cat >"$temporary" && sync "$temporary"; }; then
  printf 'redis-cluster[%s]: error: %s not written, the old one stays; free some space, then run pulumi up again\n' "$(uname -n)" "$path" >&2
  exit 1
fi
chown "$owner" "$temporary"
chmod "$mode" "$temporary"
mv -f "$temporary" "$path"
cat /proc/sys/kernel/random/uuid
