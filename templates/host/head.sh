#!/bin/bash
# What user redis does of the host program, one verb each: it directs the steps, and asks root's part for acts.
# One file on the host, so that a host never runs a mix of two versions; written as one file a concern.
set -euo pipefail
umask 077
# First the directory of the units' ExecStart: what checks a configuration must be the binary that will read it.
export PATH=${REDIS_CLUSTER_ROOT:-}/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
