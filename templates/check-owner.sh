# check-owner OWNER MASTER_NAME [CONSENT [INSTANCE]]: whose a host is that may have no program of ours yet, nor Python.
# A group that an older version of this program has deployed is known by its master's name, in which the stack's had to
# be. Prints a fresh id. Where the program is, its claims and starts look again:
# templates/host/redis_cluster/incoming.py.
# It comes on standard input: a login shell that is not a POSIX one would take another meaning from it.
refuse() {
  echo "redis-cluster[$(uname -n)]: error: $1" >&2
  exit 1
}
case $1 in
  *[!A-Za-z0-9_./-]* | */*/* | /* | */) refuse "owner '$1'; expected project/stack" ;;
  */*) ;;
  *) refuse "owner '$1'; expected project/stack" ;;
esac
name=redis-cluster${4:+-$4}
managed=$REDIS_CLUSTER_ROOT/etc/$name/managed owner=$REDIS_CLUSTER_ROOT/usr/local/lib/$name/owner was=''
# Not a link or a directory of redis's in its place.
if [ -O "$managed" ] && [ ! -L "$managed" ]; then
  was=$(sed -n '/^master-name /{s///p;q;}' "$managed/current/members" "$managed/staged/members" 2>/dev/null | head -n 1)
fi
if [ -e "$owner" ]; then was=$(head -n 1 "$owner"); fi
case $was in
  '' | "$1") ours=yes ;;
  */*) ours='' ;;
  "$2") case $was in *"${1#*/}"*) ours=yes ;; *) ours='' ;; esac ;;
  *) ours='' ;;
esac
if [ -z "$ours" ] && [ "$3" != "$was to $1" ]; then
  refuse "this host belongs to $was; expected one that belongs to no other stack than $1. Nothing was changed. Set redis-cluster:hosts to hosts of its own. Only where $was is what this very stack was called before: pulumi config set renamed '$was to $1', then run pulumi up again"
fi
cat /proc/sys/kernel/random/uuid
