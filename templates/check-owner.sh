# check-owner OWNER MASTER_NAME [CONSENT]: whose a host is, by root's program on standard input. A host without Python
# has at most a group that a version of this program in bash has deployed, which is known by its master's name.
if [ -x /usr/bin/python3 ]; then exec /usr/bin/python3 -IS - check-owner "$@"; fi
cat >/dev/null
managed=$REDIS_CLUSTER_ROOT/etc/redis-cluster/managed
was=$(sed -n '/^master-name /{s///p;q;}' "$managed/current/members" "$managed/staged/members" 2>/dev/null | head -n 1)
owner=$REDIS_CLUSTER_ROOT/usr/local/lib/redis-cluster/owner
if [ -e "$owner" ]; then was=$(head -n 1 "$owner"); fi
case $was in
  '' | "$1") was='' ;;
  "$2") case $was in *"${1#*/}"*) was='' ;; esac ;;
esac
if [ -n "$was" ] && [ "$3" != "$was to $1" ]; then
  echo "error: this host belongs to $was; expected one that belongs to no other stack than $1. Nothing was changed. Only where $was is what this very stack was called before: pulumi config set renamed '$was to $1', then run pulumi up again" >&2
  exit 1
fi
cat /proc/sys/kernel/random/uuid
