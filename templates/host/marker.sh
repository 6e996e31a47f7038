# shellcheck shell=bash
# Whether the data directory is the one that this node last ran with. A volume that is not mounted or is mounted late,
# an old copy, a restored snapshot: Redis would start with what lies there, and a sync would overwrite the rest. So each
# start puts a new mark into the data directory and beside the node's file, and the next start compares.

# Two marks: this start's, and the one before it, should the other file not be written any more.
data_marks=$data/node-marks
own_mark=$etc/node-mark
# The operator's consent, root's, while what it was given for is as it was.
trust_file=$root/run/redis-cluster.trust

# marks FILE: those in it, one a line.
marks() {
  redis_file "$1" | head -n 2 | grep -xE '[0-9a-f-]{36}' || true
}

# other_directory: whether the data directory is not the one that this node last ran with. Before the group was whole
# with this host in it, and where no mark was ever made, there is nothing to compare.
other_directory() {
  local own
  own=$(marks "$own_mark")
  [[ -e $initialised && -n $own ]] && ! marks "$data_marks" | grep -Fxq -- "$own"
}

# Which directory it is, and the mark that it has; the same in the unit's own view of the file systems.
directory_here() {
  printf 'device %s, mark %s; expected the mark %s\n' "$(stat -c '%d, inode %i' "$data")" \
    "$(marks "$data_marks" | head -n 1 | grep . || echo none)" "$(marks "$own_mark")"
}

operator_trusts() {
  [[ -r $trust_file && $(<"$trust_file") == "$(directory_here)" ]]
}

refuse_other_directory() {
  if ! other_directory || operator_lets_lead || operator_trusts; then return; fi
  die "$data is not the directory that this node last ran with: $(directory_here), on $(df --output=source "$data" | tail -n 1). A volume that is not mounted looks so, and so does an old copy of the data. Mount it: then the node starts by itself. Where the data are lost, or these are the ones to go on with: sudo $programs/redis-cluster trust-data"
}

# mark_data: once the node's role is decided. Where there is no room for it, the mark from before goes on.
mark_data() {
  local mark
  mark=$(fresh_id)
  if ! replace "$data_marks" <<<"$mark"$'\n'"$(marks "$own_mark")" || ! replace "$own_mark" <<<"$mark"; then
    say "$data could not be marked as the directory of this node: the mark from before goes on"
  fi
}

# replace FILE: as put, but only says whether it could.
replace() {
  rm -f "$1.part" && cat >"$1.part" && sync "$1.part" && mv -fT "$1.part" "$1" && sync "${1%/*}"
} 2>/dev/null

# verb mark-data: for a node that a version without marks has started.
verb_mark_data() {
  refuse_root
  [[ -n $(marks "$own_mark") ]] || mark_data
}

# verb trust-data [HASH]: tells what lies in the data directory, and with the hash printed below it, while all that is
# so, lets the node start there. It counts as a node that has lost its data until it has copied a master.
verb_trust_data() {
  local found hash
  load_release
  if ! other_directory; then
    say "$data is the directory that this node last ran with, or it has not run yet; nothing to consent to"
    return
  fi
  found="$(directory_here)"$'\n'"$(df --output=source,size,used -h "$data" | tail -n 1)"$'\n'"$(find "$data" -mindepth 1 -maxdepth 2 -type f -printf '%TF %TH:%TM %s %P\n' | sort | tail -n 20 | printable)"
  hash=$(sha256sum <<<"$found" | cut -c 1-16)
  if [[ ${1:-} != "$hash" ]]; then
    printf '%s\n\nTo have %s go on with that, whatever it held before: redis-cluster trust-data %s\n' "$found" "$self" "$hash"
    return
  fi
  act trust "$(directory_here)"
  act restart node
  say "the node starts with what is there"
}
