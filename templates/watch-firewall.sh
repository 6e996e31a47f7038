#!/bin/bash
# watch-firewall RULES: puts the rules in force, and again as soon as they are not what they were: whoever flushes all
# tables takes ours along. What the unit of the firewall runs.
set -euo pipefail
rules=$1
name=$(sed -n '/^table inet \([a-z0-9_]*\)$/{s//\1/p;q;}' "$rules")

# Our table as nft tells it; nothing where there is none.
table() { nft list table inet "$name" 2>/dev/null || true; }

# What is flushed between the two is put again.
put() {
  wanted=''
  until [[ $wanted == *reject* ]]; do
    nft -f "$rules"
    wanted=$(table)
  done
}

# A line for each change of any table, ours too. What is changed before it listens is not heard.
exec 3< <(exec nft monitor)
until put && read -r -t 0.2 <&3; do :; done

while [[ $(table) == "$wanted" ]] || {
  put
  echo 'the rules were not as deployed: they are in force again'
}; do
  read -r <&3
  # What changes together is one change.
  for ((more = 0; more < 1000; more++)); do read -r -t 0.05 <&3 || break; done
done
