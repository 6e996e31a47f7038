"""What is ours on a host, by name and by place."""

import os
import re

# Tests put a whole host below another root.
ROOT = os.environ.get("REDIS_CLUSTER_ROOT", "")

# Each group of a host has a program of its own, and by where that lies all that is the group's is named: root/base.py
# does the same.
_PLACE = os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_INSTANCE = _PLACE.removeprefix("redis-cluster") if re.fullmatch("redis-cluster-[a-z][a-z0-9]{0,15}", _PLACE) else ""
CLUSTER, SENTINEL = f"redis-cluster{_INSTANCE}", f"redis-sentinel{_INSTANCE}"

# The daemons' files, which they rename new ones into.
ETC = f"{ROOT}/etc/{CLUSTER}"
DATA = f"{ROOT}/var/lib/{CLUSTER}"
LOGS = f"{ROOT}/var/log/{CLUSTER}"
RUN = f"{ROOT}/run/{CLUSTER}"
# Apart from the data: no destroy takes it away.
BACKUPS = f"{DATA}-backup"
UNITS = f"{ROOT}/etc/systemd/system"
PROGRAMS = f"{ROOT}/usr/local/lib/{CLUSTER}"

# Root's, which redis may read.
MANAGED = f"{ETC}/managed"
STAGED = f"{MANAGED}/staged"
RELEASES = f"{MANAGED}/releases"
CURRENT = f"{MANAGED}/current"
ACCEPTED = f"{MANAGED}/accepted"
INITIALISED = f"{MANAGED}/initialised"
BOOTSTRAP = f"{MANAGED}/bootstrap"

# The consent of the operator to a data directory; root's, below /run, which redis may not write.
TRUST = f"{RUN}.trust"

# While the run that made it holds its lock, the host whose name it holds starts as master.
LEAD = f"{RUN}.lead"
