"""An application by redis-py: one key after the other, through the sentinels, until its standard input ends.

In: a line of JSON, sentinels, masterName, username, password and prefix of the keys. Out, at the end: a line of JSON,
what was acknowledged, how many writes failed, and the longest time without an acknowledged one, in seconds.
"""

import json
import sys
import threading
import time

import redis
from redis.sentinel import Sentinel

# How long, in seconds, between two writes, and after one that failed.
PAUSE = 0.002


def main() -> None:
    """Writes."""
    access = json.loads(sys.stdin.readline())
    login = {"username": access["username"], "password": access["password"]}
    sentinels = [(each["host"], each["port"]) for each in access["sentinels"]]
    # No limit of its own on an answer, as the library has it where nothing is set.
    master = Sentinel(sentinels, sentinel_kwargs=login, **login).master_for(access["masterName"])

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    acknowledged: list[int] = []
    failed, longest, number, last = 0, 0.0, 0, time.monotonic()
    while not ended.is_set():
        number += 1
        try:
            master.set(f"{access['prefix']}{number}", number)
        except redis.RedisError:
            failed += 1
        else:
            now = time.monotonic()
            if acknowledged:
                longest = max(longest, now - last)
            last = now
            acknowledged.append(number)
        time.sleep(PAUSE)
    print(json.dumps({"acknowledged": acknowledged, "failed": failed, "longestGap": longest}))


main()
