"""Begins the program. Called by its path, isolated and without site-packages, which is the fastest start."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from redis_cluster.commands import main

sys.exit(main(sys.argv[1:]))
