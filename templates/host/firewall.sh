# shellcheck shell=bash
# Who reaches the two ports, where the stack says so: a table of its own, which leaves all other rules alone.

# apply_firewall: the rules of the current release, in one step; or none.
apply_firewall() {
  local unit=redis-cluster-firewall.service
  if grep -q '^table' "$current/firewall.nft" 2>/dev/null; then
    install_unit "$unit"
    systemctl reload-or-restart "$unit" ||
      die "the firewall was refused: $(journalctl -u "$unit" -o cat -n 3 --no-pager | tr '\n' ';'). Look at nft -c -f $current/firewall.nft, then run pulumi up again"
  elif [[ -e $unit_directory/$unit ]]; then
    remove_unit "$unit"
  fi
}

# validate_firewall DIR: 0 if nft accepts the release's rules; else 1, with its words on stderr.
validate_firewall() {
  local words
  grep -q '^table' "$1/firewall.nft" 2>/dev/null || return 0
  words=$(nft -c -f "$1/firewall.nft" 2>&1) || {
    say "firewall.nft was refused: $words"
    return 1
  }
}
