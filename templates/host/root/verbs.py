# --- the conversation ---------------------------------------------------------------------------

ID, HASH, DAEMON = "[0-9a-f-]{36}", "([0-9a-f]{16})", "(node|sentinel)"
NAME = f"({WORD})"
Act = Callable[..., object]
# An act is one line of this whole form. The answer is `ok`, `ok VALUE`, or `failed` after a word about it on stderr.
LOOKS: dict[str, Act] = {
    "state (node|sentinel|firewall|kernel)": lambda unit: word_of(
        "is-active", (UNIT | {"firewall": FIREWALL, "kernel": KERNEL})[unit]
    ),
    f"enabled {DAEMON}": lambda daemon: word_of("is-enabled", UNIT[daemon]),
    f"drop-ins {DAEMON}": lambda daemon: " ".join(re.sub("[^!-~]", "?", path) for path in drop_ins(UNIT[daemon])),
    f"unit {DAEMON}": lambda daemon: "installed" if installed(UNIT[daemon]) else "other",
    f"legacy {DAEMON}": lambda daemon: "yes" if is_legacy(UNIT[daemon]) else "no",
    f"binary {DAEMON}": binary,
    "rules": lambda: "none" if run("nft", "list", "table", "inet", "redis_cluster")[0] else "in-force",
}
ACTS: dict[str, Act] = LOOKS | {
    f"start {DAEMON}": start,
    f"start-as-it-is {DAEMON}": lambda daemon: void(systemctl("start", "--no-block", UNIT[daemon])),
    f"stop {DAEMON}": lambda daemon: void(systemctl("stop", UNIT[daemon])),
    f"enable {DAEMON}": lambda daemon: enable(UNIT[daemon]),
    "stop-sentinel ([0-9]{1,9})": stop_sentinel,
    "disarm-return": disarm_return,
    "stamp": stamp,
    f"journal {DAEMON} ([0-9]{{1,12}})": lambda daemon, since: say(
        f"{UNIT[daemon]} said: {journal(UNIT[daemon], '--since', f'@{since}')}"
    ),
    "beside": beside,
    f"make-release {HASH}": make_release,
    f"renew-release {HASH}": renew_release,
    f"switch {HASH}": switch,
    "prune((?: [0-9a-f]{16}){0,9})": prune,
    "mark initialised": initialised,
    f"mark bootstrap {NAME}": lambda name: write(f"{MANAGED}/bootstrap", f"{name}\n"),
    f"accept((?: {WORD} [0-9a-f]{{64}} [0-9]{{1,12}})*)": accept,
}
# What one verb alone has beside or instead of them. The operator's consents are in those by which he gives them.
OF_VERB: dict[str, dict[str, Act]] = {
    "lead": {f"lead {NAME}": lead},
    "trust-data": {
        f"trust (device [0-9]+, inode [0-9]+, mark (?:{ID}|none); expected the mark (?:{ID}))": lambda seen: write(
            f"{ROOT}/run/redis-cluster.trust", f"{seen}\n", redis=False
        ),
        "restart (node)": restart,
    },
    "decommission": {f"disable {DAEMON}": disable},
    "claim": {"listener ([0-9]{1,5})": listener, "install (redis-server|nftables)": install},
}
# Bytes of a line; the longest one names all hashes of passwords that are accepted.
LONGEST_LINE = 64 << 10


def void(_: object) -> None:
    """An act that comes to nothing that is told."""


def perform(line: bytes, acts: dict[str, Act]) -> bytes:
    """Does what the line asks for, and says what it came to. Raises Refused where it is no act."""
    text = line.decode("ascii", "replace")
    for form, act in acts.items():
        asked = re.fullmatch(form, text)
        if asked:
            try:
                value = act(*asked.groups())
            except (Refused, OSError) as failure:
                say(f"error: {failure}")
                return b"failed\n"
            return f"ok {value}\n".encode() if value else b"ok\n"
    raise Refused(
        f"what directs this step asked root for {text[:80]!r}, which is no act; expected one of "
        f"{PROGRAMS}/redis-cluster. Look who else runs as redis here, then run pulumi up again. It was not done"
    )


def direct(verb: str, arguments: list[str]) -> int:
    """Has a process of redis's direct the verb, and does what it asks for; its status.

    It asks on its file 3 and reads the answers on 4, in a session of its own, away from the terminal.
    """
    asked, asks = os.pipe()
    answered, answers = os.pipe()
    files = [(os.POSIX_SPAWN_DUP2, asks, 3), (os.POSIX_SPAWN_DUP2, answered, 4)]
    command = [*as_redis(), *DIRECTOR, verb, *arguments]
    acts = (ACTS if verb in STEPS | CONSENTED else LOOKS) | OF_VERB.get(verb, {})
    child = os.posix_spawnp(
        command[0], command, ENVIRONMENT, file_actions=files, setsid=True, setsigdef=[signal.SIGPIPE]
    )
    os.close(asks)
    os.close(answered)
    ended, pending = os.pidfd_open(child), b""
    try:
        while asked in select.select([asked, ended], [], [])[0]:
            came = os.read(asked, LONGEST_LINE)
            *lines, pending = (pending + came).split(b"\n")
            for line in lines:
                os.write(answers, perform(line, acts))
            if len(pending) > LONGEST_LINE:
                perform(pending, {})
            if not came:
                os.close(answers)
                select.select([ended], [], [])
                break
    except BaseException:
        # It lifts what it holds up, or goes on to an end that is better than the middle.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(child, signal.SIGTERM)
        if not select.select([ended], [], [], END_PATIENCE)[0]:
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# --- verbs --------------------------------------------------------------------------------------

# What is told to end has so many seconds for it.
END_PATIENCE = 10
# What lies in PROGRAMS.
PROGRAM = r"redis-cluster|write-files|redis_cluster/[a-z_/]+\.py"
# What runs as redis, by the distribution's own Python: what stands in /usr/local may be any.
DIRECTOR = ["/usr/bin/python3", "-I", "-S", f"{PROGRAMS}/redis_cluster/__main__.py"]
OWN: dict[str, Callable[..., int | None]] = {
    "claim": claim,
    "unclaim": unclaim,
    "check-owner": check_owner,
    "check-programs": check_programs,
}
# One at a time, by what is staged.
STEPS = {"node-start", "node-roll", "node-roll-master", "sentinel-start", "sentinel-stop", "sentinel-roll"}
STEPS |= {"decommission"}
CONSENTED = {"lead", "trust-data", "convert"}
QUESTIONS = {"gate", "drift", "node-prove"}
# By units: as redis, and kernel as root who may write kernel settings alone.
OF_UNITS = {"compose-node", "compose-sentinel", "restore-priority", "keep-stamp", "leave", "last-words", "kernel"}


class Late(BaseException):
    """The time of this verb is over, or somebody ends it."""


def late(number: int, _: object) -> None:
    """Ends what is going on."""
    raise Late(number)


def do(verb: str, arguments: list[str]) -> int:
    """A verb's status, after it has said why where it failed."""
    if verb in OWN:
        status = OWN[verb](*arguments)
        return 1 if status else 0
    if verb in STEPS | CONSENTED:
        take_lock()
    refuse_planted()
    if verb == "node-start" and arguments:
        stage_first(*arguments)
        arguments = []
    try:
        status = direct(verb, arguments)
    finally:
        if verb == "lead":
            remove(f"{ROOT}/run/redis-cluster.lead")
    if status < 0:
        raise Refused(
            f"{verb} was ended by signal {-status}; expected that it goes on, or says why not. Look at the host, with "
            "'redis-cluster gate' at the group, then run pulumi up again"
        )
    return status


def main(verb: str = "", *arguments: str) -> int:
    """Runs a verb, ended after so many seconds where it comes as `within SECONDS VERB`."""
    seconds = ""
    if verb == "within":
        seconds, verb = (*arguments, "", "")[:2]
        arguments = arguments[2:]
        if not re.fullmatch("[1-9][0-9]{0,8}", seconds):
            raise Refused(f"within '{seconds}'; expected a number of seconds")
    known = {*OWN} | STEPS | CONSENTED | QUESTIONS | OF_UNITS
    if verb not in known:
        raise Refused(f"unknown verb '{verb}'; expected one of: {' '.join(sorted(known))}")
    if verb in OF_UNITS or not (IS_ROOT or ROOT):
        refuse_planted()
        os.execve(DIRECTOR[0], [*DIRECTOR, verb, *arguments], {**os.environ, **ENVIRONMENT})
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, late)
    signal.alarm(int(seconds or 0))
    try:
        return do(verb, list(arguments))
    except Late as end:
        if end.args[0] != signal.SIGALRM:
            raise Refused(
                f"{verb} was ended before it was done: somebody stopped it. Look what it waits for with 'redis-cluster "
                "gate' here, then run pulumi up again"
            ) from None
        limit = ", which is redis-cluster:limits.step; where it only takes longer, raise that"
        raise Refused(
            f"{verb} was ended after {seconds} s{'' if verb in ('check-programs', 'drift') else limit}. "
            "Look at 'redis-cluster gate' and at the load of this host, then run pulumi up again"
        ) from None
    finally:
        # What is left of this process has no handler any more.
        signal.alarm(0)


def unlimited() -> None:
    """Limits of an SSH session, which sudo lets through, may not end a check half-way."""
    import resource

    for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


if __name__ == "__main__":
    os.umask(0o077)
    if not sys.flags.isolated:
        raise SystemExit("expected /usr/bin/python3 -IS, which nobody's files or environment change")
    if IS_ROOT:
        unlimited()
    try:
        status = main(*sys.argv[1:])
    except (Refused, OSError) as failure:
        say(f"error: {failure}")
        status = 1
    sys.exit(status)
