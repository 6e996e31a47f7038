"""Where things are on a host."""

import os

# Tests put a whole host below another root.
ROOT = os.environ.get("REDIS_CLUSTER_ROOT", "")

# The daemons' files, which they rename new ones into.
ETC = f"{ROOT}/etc/redis-cluster"
DATA = f"{ROOT}/var/lib/redis-cluster"
LOGS = f"{ROOT}/var/log/redis-cluster"
RUN = f"{ROOT}/run/redis-cluster"
# Apart from the data: no destroy takes it away.
BACKUPS = f"{ROOT}/var/lib/redis-cluster-backup"
UNITS = f"{ROOT}/etc/systemd/system"
PROGRAMS = f"{ROOT}/usr/local/lib/redis-cluster"

# Root's, which redis may read.
MANAGED = f"{ETC}/managed"
STAGED = f"{MANAGED}/staged"
RELEASES = f"{MANAGED}/releases"
CURRENT = f"{MANAGED}/current"
ACCEPTED = f"{MANAGED}/accepted"
INITIALISED = f"{MANAGED}/initialised"
BOOTSTRAP = f"{MANAGED}/bootstrap"

# The consent of the operator to a data directory; root's, below /run, which redis may not write.
TRUST = f"{ROOT}/run/redis-cluster.trust"

# While the run that made it holds its lock, the host whose name it holds starts as master.
LEAD = f"{ROOT}/run/redis-cluster.lead"
