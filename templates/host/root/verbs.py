# --- the conversation ---------------------------------------------------------------------------

ID, HASH, DAEMON, NAME = "[0-9a-f-]{36}", "([0-9a-f]{16})", "(node|sentinel)", "([A-Za-z0-9_][A-Za-z0-9._-]*)"
UNITS_OF_OURS = UNIT | {"firewall": FIREWALL, "kernel": KERNEL, "timer": TIMER}
ANY_UNIT = f"({'|'.join(UNITS_OF_OURS)})"
# An act is one line of this whole form. The answer is `ok`, `ok VALUE`, or `failed` after a word about it on stderr.
LOOKS: dict[str, Callable[..., object]] = {
    f"state {ANY_UNIT}": lambda unit: word_of("is-active", UNITS_OF_OURS[unit]),
    f"enabled {ANY_UNIT}": lambda unit: word_of("is-enabled", UNITS_OF_OURS[unit]),
    f"drop-ins {ANY_UNIT}": lambda unit: " ".join(
        re.sub("[^!-~]", "?", path) for path in drop_ins(UNITS_OF_OURS[unit])
    ),
    f"binary {DAEMON}": binary,
    f"libraries {DAEMON}": libraries,
    "rules": lambda: "in-force" if "reject" in run("nft", "list", "table", "inet", TABLE)[1] else "none",
}
ACTS = LOOKS | {
    f"start {DAEMON}": start,
    f"start-as-it-is {DAEMON}": lambda daemon: systemctl("start", "--no-block", UNIT[daemon]),
    f"stop {DAEMON}": lambda daemon: systemctl("stop", UNIT[daemon]),
    f"enable {DAEMON}": lambda daemon: systemctl("enable", "--quiet", UNIT[daemon]),
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
    f"accept((?: {NAME[1:-1]} [0-9a-f]{{64}} [0-9]{{1,12}})*)": accept,
}
# What one verb alone has beside or instead of them. The operator's consents are in those by which he gives them.
OF_VERB: dict[str, dict[str, Callable[..., object]]] = {
    "lead": {f"lead {NAME}": lead},
    "trust-data": {
        f"trust (device [0-9]+, inode [0-9]+, mark (?:{ID}|none); expected the mark (?:{ID}))": lambda seen: write(
            f"{RUN}.trust", f"{seen}\n", redis=False
        ),
        "restart (node)": lambda daemon: systemctl("restart", "--no-block", UNIT[daemon]),
    },
    "decommission": {f"disable {DAEMON}": disable},
    "claim": {
        "listener ([0-9]{1,5})": listener,
    },
}
# What a verb may ask of packages.
IN_TURN = "configure|update|change redis-server"
PACKAGES = {"claim": "configure|update|install (?:redis-server|nftables|restic)|fetch redis-server"}
PACKAGES |= dict.fromkeys(("node-start", "node-roll", "node-roll-master", "sentinel-stop", "sentinel-roll"), IN_TURN)
# Bytes of a line; the longest one names all hashes of passwords that are accepted.
LONGEST_LINE = 64 << 10
# What a pipe that can be written takes at once, without the end of the line; and all that may come on stdin.
PIPE_ROOM, LONGEST_TOLD = 4095, 16 << 20


def perform(line: bytes, acts: Mapping[str, Callable[..., object]]) -> bytes:
    """Does what the line asks for, and says what it came to. Raises Refused where it is no act."""
    text = line.decode("ascii", "replace")
    for form, act in acts.items():
        asked = re.fullmatch(form, text)
        if asked:
            try:
                value = act(*asked.groups())
            except (Refused, OSError) as failure:
                say(f"error: {words_of(failure)}")
                return b"failed\n"
            return f"ok {value}"[:PIPE_ROOM].encode() + b"\n" if value else b"ok\n"
    raise Refused(
        f"what directs this step asked root for {text[:80]!r}, which is no act; expected one of "
        f"{PROGRAMS}/redis-cluster. Look who else runs as redis here, then run pulumi up again. It was not done"
    )


def pass_on(file: int, to: int) -> bool:
    """What the director says; whether more may come. With root's own it could hold a connection, or read a terminal."""
    said = b""
    try:
        said = os.read(file, 64 << 10)
        os.write(to, said)
    except OSError:
        # Nothing more, or nobody hears it.
        pass
    return said != b""


def direct(verb: str, arguments: Sequence[str], told: bytes | None = None) -> int:
    """Has a process of redis's direct the verb, and does what it asks for; its status.

    It asks on its file 3 and reads the answers on 4, in a session of its own, away from the terminal.

    told: what it reads on stdin, a copy: what it has staged of that, root reads in its own. Default: this one's.
    """
    (asked, asks), (answered, answers), (out, says), (error, warns) = os.pipe(), os.pipe(), os.pipe(), os.pipe()
    acts = (ACTS if verb in STEPS | CONSENTED else LOOKS) | OF_VERB.get(verb, {})
    # Which version, is for neither to choose: it is what is staged, or comes to be.
    if verb in PACKAGES:
        of = told if verb == "claim" else read(f"{STAGED}/members")
        acts[f"package ({PACKAGES[verb]})"] = lambda what: package(what, of or b"")
    files = {3: asks, 4: answered, 1: says, 2: warns}
    if told is not None or os.isatty(0):
        files[0] = os.memfd_create("told")
        os.write(files[0], told or b"")
        os.lseek(files[0], 0, os.SEEK_SET)
    if told is not None and verb != "claim":
        acts["stage"] = lambda: stage(told)
    child = begin([*as_redis(), *DIRECTOR, verb, *arguments], files, apart=True)
    for file in files.values():
        os.close(file)
    ended, pending, watched = os.pidfd_open(child), b"", {asked, out, error}
    for file in (out, error):
        os.set_blocking(file, False)
    try:
        # What outlives it has no acts.
        while ended not in (ready := select.select([ended, *watched], [], [])[0]):
            watched -= {file for file, to in ((out, 1), (error, 2)) if file in ready and not pass_on(file, to)}
            if asked not in ready:
                continue
            came = os.read(asked, LONGEST_LINE)
            *lines, pending = (pending + came).split(b"\n")
            for line in lines:
                if not select.select([], [answers], [], 0)[1]:
                    raise Refused(f"what directs {verb} reads no answers. Look who else runs as redis here")
                os.write(answers, perform(line, acts))
            if len(pending) > LONGEST_LINE:
                perform(pending, {})
            if not came:
                watched.discard(asked)
                os.close(answers)
    except BaseException:
        # It lifts what it holds up, or goes on to an end that is better than the middle.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(child, signal.SIGTERM)
        if not select.select([ended], [], [], END_PATIENCE)[0]:
            os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        pass_on(out, 1)
        pass_on(error, 2)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


# --- verbs --------------------------------------------------------------------------------------

# What is told to end has so many seconds for it.
END_PATIENCE = 10
# What runs as redis, by the distribution's own Python: what stands in /usr/local may be any.
DIRECTOR = ["/usr/bin/python3", "-I", "-S", f"{PROGRAMS}/redis_cluster/__main__.py"]
OWN: dict[str, Callable[..., int | None]] = {"claim": claim, "unclaim": unclaim}
# One at a time, by what is staged.
STEPS = {"node-start", "node-roll", "node-roll-master", "sentinel-start", "sentinel-stop", "sentinel-roll"}
STEPS |= {"decommission"}
# One at a time too, with nothing for root to do.
LOCKED = {"migrate"}
CONSENTED = {"lead", "trust-data", "convert"}
QUESTIONS = {"gate", "drift", "node-prove", "check-programs", "backups", "fetch-backup", "migration", "restore"}
# By units: as redis, and kernel as root who may write kernel settings alone.
OF_UNITS = {"compose-node", "compose-sentinel", "restore-priority", "keep-stamp", "leave", "last-words", "kernel"}
OF_UNITS |= {"backup", "prove-backup", "copy-backup", "drill-backups", "run-backup"}


def end_now(number: int, _: object) -> None:
    """The time of this verb is over, or somebody ends it: ends what is going on."""
    raise SystemExit(number)


def do(verb: str, arguments: Sequence[str]) -> int:
    """A verb's status, after it has said why where it failed."""
    if verb in OWN:
        return OWN[verb](*arguments) or 0
    # With files to stage.
    told = sys.stdin.buffer.read(LONGEST_TOLD) if verb == "node-start" and arguments else None
    if verb in STEPS | CONSENTED | LOCKED:
        lock()
    # Asked before there is anything of ours.
    if verb != "check-programs":
        refuse_planted()
    try:
        status = direct(verb, arguments, told)
    finally:
        if verb == "lead":
            remove(f"{RUN}.lead")
    if status < 0:
        raise Refused(
            f"{verb} was ended by signal {-status}; expected that it goes on, or says why not. Look at the host, with "
            "'redis-cluster gate' at the group, then run pulumi up again"
        )
    if verb in STEPS and not status:
        heard(verb)
    return status


def main(verb: str = "", *arguments: str) -> int:
    """Runs a verb, ended after so many seconds where it comes as `within SECONDS VERB`."""
    seconds = "0"
    if verb == "within":
        seconds, verb = (*arguments, "", "")[:2]
        arguments = arguments[2:]
        if not re.fullmatch("[1-9][0-9]{0,8}", seconds):
            raise Refused(f"within '{seconds}'; expected a number of seconds")
    known = {*OWN} | STEPS | CONSENTED | LOCKED | QUESTIONS | OF_UNITS
    if verb not in known:
        raise Refused(f"unknown verb '{verb}'; expected one of: {' '.join(sorted(known))}")
    if not IS_ROOT and os.path.isdir(ETC) and not os.access(ETC, os.R_OK):
        raise Refused(f"this is done by root; run it so: sudo {PROGRAMS}/redis-cluster {verb}")
    if verb in OF_UNITS or not (IS_ROOT or ROOT):
        refuse_planted()
        os.execve(DIRECTOR[0], [*DIRECTOR, verb, *arguments], {**os.environ, **ENVIRONMENT})
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, end_now)
    signal.alarm(int(seconds))
    try:
        return do(verb, arguments)
    except SystemExit as end:
        limit = ", which is redis-cluster:limits.step; where it only takes longer, raise that"
        why = f"after {seconds} s{'' if verb in ('check-programs', 'drift') else limit}"
        if end.code != signal.SIGALRM:
            why = "before it was done: somebody stopped it"
        raise Refused(
            f"{verb} was ended {why}. Look at 'redis-cluster gate' and at the load of this host, then run pulumi up "
            "again"
        ) from None
    finally:
        # What is left of this process has no handler any more.
        signal.alarm(0)


if __name__ == "__main__":
    os.umask(0o077)
    if not sys.flags.isolated:
        raise SystemExit("expected /usr/bin/python3 -IS, which nobody's files or environment change")
    # Limits of an SSH session, which sudo lets through, may not end a check half-way.
    if IS_ROOT:
        import resource

        for limit in (resource.RLIMIT_CPU, resource.RLIMIT_AS, resource.RLIMIT_DATA, resource.RLIMIT_FSIZE):
            resource.setrlimit(limit, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    try:
        status = main(*sys.argv[1:])
    except (Refused, OSError) as failure:
        say(f"error: {words_of(failure)}")
        status = 1
    sys.exit(status)
