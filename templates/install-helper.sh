#!/bin/bash
# install USER: as root, puts the host program and the units that it may install in their place, and lets USER run
# that program as root, and nothing else. For an administrator of the host, once for each version; what lies
# beside this script is what is installed.
set -euo pipefail
umask 022
cd "$(dirname "${BASH_SOURCE[0]}")"
user=${1:-}
# Of a group that has a name on its hosts.
instance=''
if [[ -e instance ]]; then instance=-$(<instance); fi
programs=/usr/local/lib/redis-cluster$instance
sudoers=/etc/sudoers.d/redis-cluster$instance

fail() {
  printf 'install: %s. Nothing was changed\n' "$*" >&2
  exit 1
}

if [[ ! $user =~ ^[A-Za-z_][A-Za-z0-9_.@-]*$ ]] || ! id -u "$user" >/dev/null 2>&1; then
  fail "'$user' is no user of this host; expected the one of redis-cluster:ssh.user"
fi
((EUID == 0)) || fail "run as $(id -un); expected root"
[[ -x /usr/bin/python3 ]] || fail "there is no /usr/bin/python3; expected that of the distribution: sudo apt-get install python3"

# Nobody else changes these between the sum and the installation.
new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
cp -r redis-cluster write-files watch-firewall logrotate needrestart sums redis_cluster units "$new/"
cd "$new"
sum=$(sha256sum <redis-cluster)
printf '# The one program by which pulumi keeps Redis here; of another version than this it does not run.\n"%s" ALL=(root) NOPASSWD: sha256:%s %s/redis-cluster\n' \
  "$user" "${sum%% *}" "$programs" >"$new/sudoers"
visudo -cqf "$new/sudoers" || fail "sudo does not take $(tail -n 1 "$new/sudoers")"

install -d -m 0755 -o root -g root "$programs" "$programs/units"
install -m 0644 units/* "$programs/units/"
# In one rename each: a running group's units call them at any moment. The package before the program that calls it.
chmod -R u=rwX,go=rX redis_cluster
rm -rf "$programs"/.redis_cluster.*
cp -r redis_cluster "$programs/.redis_cluster.new"
# Modules start in half the time when root has compiled them.
(cd "$programs" && /usr/bin/python3 -I -m compileall -q -s .redis_cluster.new -p "$programs/redis_cluster" .redis_cluster.new) || :
if [[ -e $programs/redis_cluster ]]; then mv -T "$programs/redis_cluster" "$programs/.redis_cluster.old"; fi
mv -T "$programs/.redis_cluster.new" "$programs/redis_cluster"
rm -rf "$programs/.redis_cluster.old"
for program in logrotate needrestart sums watch-firewall write-files redis-cluster; do
  install -m 0755 "$program" "$programs/.$program.new"
  mv -f "$programs/.$program.new" "$programs/$program"
done
# A name with a dot is not read.
install -m 0440 "$new/sudoers" "$sudoers.new"
mv -f "$sudoers.new" "$sudoers"

echo "Installed. All that $user may run as root now; other lines than that of $programs/redis-cluster are not from here:"
sudo -l -U "$user"
