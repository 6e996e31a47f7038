# shellcheck shell=bash
# What a host needs before anything of ours may be put on it. Refuses without changing anything.

unit_directory=$root/etc/systemd/system
own_unit_line='# Managed by Pulumi: redis-cluster'

# The file systems that are written to need this much room, in MiB: a release, and the first
# files of an empty node (a fresh data directory takes under 1 MiB).
least_free=16

# install_host: "owner PROJECT/STACK", "master-name NAME" and the consent "renamed PROJECT/STACK to PROJECT/STACK"; the
# ports that the daemons will listen on, "node-port PORT" and the like, "program SHA256 NAME", "firewall" where there
# is one, and "adopt" where what the old Ansible role deployed may be taken over, on stdin.
install_host() {
  local keyword value name owner='' master_name='' renamed='' node='' sentinel='' node_tls='' sentinel_tls='' firewall=0 adopt=no sums=''
  while read -r keyword value name; do
    case $keyword in
      owner) owner=$value ;;
      master-name) master_name=$value ;;
      renamed) renamed="$value $name" ;;
      node-port) node=$value ;;
      sentinel-port) sentinel=$value ;;
      node-tls-port) node_tls=$value ;;
      sentinel-tls-port) sentinel_tls=$value ;;
      firewall) firewall=1 ;;
      adopt) adopt=yes ;;
      program) if [[ "$value $name" =~ ^[0-9a-f]{64}\ $program_names$ ]]; then sums+="$value  $name"$'\n'; fi ;;
    esac
  done
  refuse_other_owner "$owner" "$master_name" "$renamed"
  refuse_other_systems
  refuse_foreign_units "$adopt"
  refuse_taken_port "$node" redis-cluster.service nodePort
  refuse_taken_port "$sentinel" redis-sentinel.service sentinelPort
  refuse_taken_port "$node_tls" redis-cluster.service tls.nodePort
  refuse_taken_port "$sentinel_tls" redis-sentinel.service tls.sentinelPort
  refuse_full_disk
  install_python
  install_redis
  if ((firewall)) && ! installed nftables; then install_package nftables; fi
  refuse_old_redis
  # Made while redis can put nothing in its place; the role's directory was redis's own.
  if ! root_owns "$etc" || ! root_owns "$managed"; then
    install -d -m 0750 -o root -g redis "$etc"
    root_owns "$managed" || rm -rf "$managed"
  fi
  install -d -m 0750 -o root -g redis "$managed" "$staged" "$releases"
  install -d -m 1770 -o root -g redis "$etc"
  install -d -m 0750 -o redis -g redis "$data" "$root/var/log/redis-cluster"
  printf '%s' "$sums" >"$programs/sums"
  printf '%s\n' "$owner" >"$programs/owner"
}

refuse_other_systems() {
  local id version
  id=$(sed -n 's/^ID=//p' "$root/etc/os-release" | tr -d '"')
  version=$(sed -n 's/^VERSION_ID=//p' "$root/etc/os-release" | tr -d '"')
  [[ $id == debian && $version == 12 ]] ||
    die "this is '$id $version'; expected Debian 12 (debian 12), the only system this program has been run on. Nothing was changed"
}

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

refuse_taken_port() {
  local port=$1 unit=$2 key=$3 listener owner
  [[ -n $port ]] || return 0
  listener=$(ss -Hltnp "sport = :$port")
  [[ -n $listener ]] || return 0
  owner=$(sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (pid \2)/p;q' <<<"$listener")
  [[ $owner == *"(pid $(systemctl show -p MainPID --value "$unit"))" ]] ||
    die "port $port is taken by ${owner:-an unknown process}; expected it free for $unit. Stop that process or change redis-cluster:$key. Nothing was changed"
}

refuse_full_disk() {
  local directory
  for directory in "$etc" "$data" "$root/var/log/redis-cluster"; do
    # Before the first installation they are still to be made.
    [[ -d $directory ]] || directory=${directory%/*}
    refuse_less_free "$directory" "$least_free"
  done
}

# refuse_less_free DIR MIB [WHAT]: unless so much is free on DIR's file system, which is what WHAT needs.
refuse_less_free() {
  local free
  free=$(df --output=avail -m "$1" | tail -n 1)
  ((free >= $2)) ||
    die "$1 has ${free// /} MiB free; expected at least $2${3:+, $3}. Free some space, then run pulumi up again"
}

installed() {
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]
}

# An installed package stays as it is. Where there was none, the distribution's own instance is masked
# before it can start: an interruption at any point leaves it off, and so does a package upgrade.
install_redis() {
  if installed redis-server; then return; fi
  systemctl mask --quiet redis-server.service
  install_package redis-server
}

# What asks daemons and decides is Python, and starts in half the time when root has compiled it. The distribution's
# own: what stands in /usr/local may be any.
install_python() {
  installed python3 || install_package python3
  (
    umask 022
    /usr/bin/python3 -I -m compileall -q "$programs/redis_cluster"
  )
}

install_package() {
  local output
  export DEBIAN_FRONTEND=noninteractive
  dpkg --configure -a </dev/null >/dev/null || die "dpkg --configure -a failed; repair the package database, then run pulumi up again"
  output=$(apt_install "$1" 2>&1) || output=$(apt-get -q update 2>&1 && apt_install "$1" 2>&1) ||
    die "$1 could not be installed: $(tail -n 5 <<<"$output"). Make 'apt-get install $1' work on this host, then run pulumi up again"
}

apt_install() {
  apt-get -q -y -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    --no-install-recommends install "$1" </dev/null
}

refuse_old_redis() {
  local version
  version=$(redis-server --version | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
  ((${version%%.*} >= 7)) ||
    die "redis-server is $version; expected 7.0 or newer. Upgrade the package, then run pulumi up again"
}
