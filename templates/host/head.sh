#!/bin/bash
# The program that this host's units and Pulumi's steps call, one verb each.
# One file on the host, so that a host never runs a mix of two versions; written as one file a concern.
set -euo pipefail
umask 077
# Limits of an SSH session, which sudo lets through, may not end a check half-way.
if ((EUID == 0)); then ulimit -t unlimited -v unlimited -d unlimited -f unlimited; fi
# First the directory of the units' ExecStart: what checks a configuration must be the binary that will read it.
export PATH=${REDIS_CLUSTER_ROOT:-}/usr/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C
