# shellcheck shell=bash
# What a host needs for anything of ours to go on there; root's part has prepared it (root/claims.py).

unit_directory=$root/etc/systemd/system
own_unit_line='# Managed by Pulumi: redis-cluster'

# refuse_foreign_units yes|no: whether the role's are none.
refuse_foreign_units() {
  local unit file
  for unit in redis-cluster.service redis-sentinel.service; do
    if is_role_unit "$unit"; then
      [[ $1 == yes ]] ||
        die "$unit_directory/$unit is of the old Ansible role. To take over what it deployed, set the password of its clients: pulumi config set --secret adoptPassword, and run pulumi up again. Nothing was changed"
      continue
    fi
    for file in {"$root/etc","$root/usr/lib","$root/lib"}/systemd/system/"$unit"; do
      [[ -e $file ]] || continue
      [[ $(head -n 1 "$file") == "$own_unit_line"* ]] ||
        die "$file belongs to somebody else; expected no $unit, or one of this program's. Move what it runs elsewhere, remove it, and run pulumi up again. Nothing was changed"
    done
  done
}
