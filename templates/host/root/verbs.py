# --- acts ---------------------------------------------------------------------------------------

ID, HASH, NAME = "[0-9a-f-]{36}", "([0-9a-f]{16})", "([A-Za-z0-9_][A-Za-z0-9._-]*)"
TRUSTED = f"device [0-9]+, inode [0-9]+, mark (?:{ID}|none); expected the mark (?:{ID})"
MARK = f"(?: unheard(?: {ID})*| replaced [0-9]{{1,12}})?"
HOW = "(?:start|restart) --no-block|stop|enable|disable --now|reset-failed"
# Of what is staged: a sentinel that the host has no more is taken away at the run's end.
RELEASED = {"": "[a-z]", " node": "(?!(redis-)?sentinel)[a-z]"}
ANY, BESIDES, DAEMON = (f"({'|'.join(names)})" for names in (UNIT, BESIDE, ("node", "sentinel")))
# An act is one line of this whole form. The answer is `ok`, `ok VALUE`, or `failed` and what was seen.
Acts = dict[str, Callable[..., object]]
LOOKS: Acts = {
    f"(is-active|is-enabled) {ANY}": lambda what, name: run("systemctl", what, UNIT[name])[1],
    f"drop-ins {ANY}": lambda name: " ".join(re.sub("[^!-~]", "?", path) for path in drop_ins(UNIT[name])),
    f"executable {DAEMON}": lambda daemon: os.readlink(f"{processes()[daemon]}/exe"),
    f"libraries {DAEMON}": libraries,
    "rules": lambda: "in force" if "reject" in run("nft", "list", "table", "inet", TABLE)[1] else "none",
}
ACTS = LOOKS | {
    f"journal {ANY} ([0-9]{{1,12}})": journal,
    f"install {ANY}": install_unit,
    f"({HOW}) {DAEMON}": lambda how, daemon: systemctl(*how.split(), UNIT[daemon]),
    f"(restart|reload-or-restart) {BESIDES}": lambda what, name: run("systemctl", what, UNIT[name])[0],
    f"remove {BESIDES}": remove_beside,
    "arm-return ([0-9]{1,9})": arm_return,
    "disarm-return": disarm_return,
    "stamp": stamp,
    "check-rules": lambda: run("nft", "-c", "-f", f"{STAGED}/firewall.nft")[1],
    "package (configure|update|change redis-server)": lambda what: package(what, read(f"{STAGED}/members")),
    f"make-release {HASH}( node|)": lambda name, alone: make_release(name, files_in(STAGED, RELEASED[alone])),
    f"renew-release {HASH}": lambda name: make_release(name, files_in(CURRENT) | files_in(STAGED, "tls[.]")),
    f"switch {HASH}": switch,
    "prune((?: [0-9a-f]{16}){0,9})": prune,
    "mark initialised": initialised,
    f"mark bootstrap {NAME}": lambda name: write(f"{MANAGED}/bootstrap", f"{name}\n"),
    f"accept((?: {NAME[1:-1]} [0-9a-f]{{64}} [0-9]{{1,12}})*)": accept,
}
# What one verb alone has beside or instead of them. The operator's consents are in those by which he gives them.
OF_VERB: dict[str, Acts] = {
    "lead": {f"lead {NAME}": lead},
    "trust-data": {f"trust ({TRUSTED})": lambda seen: write(f"{RUN}.trust", f"{seen}\n", redis=False)},
}
# What a claim may ask of packages.
PACKAGES = "configure|update|install (?:redis-server|nftables|restic)|fetch redis-server"
# What goes with a component: its units, and by name what lies on the host.
GO = {"node": "remove (node|firewall|kernel|backup|timer)|take-away (managed|group|data|owner|programs|claim[.]node)"}
GO |= {"sentinel": "remove (sentinel)|take-away (managed|sentinel|claim[.]sentinel)"}


def of_claim(verb: str, told: bytes, component: str = "", token: str = "", *_: str) -> Acts:
    """What may be asked for of the claim that the caller has named, and of no other. Raises Refused.

    What goes with the component goes only where that claim is in force; what is made is the stack's that was told.
    """
    if not re.fullmatch(f"{DAEMON} {ID}", f"{component} {token}"):
        raise Refused(f"claim '{component}' '{token}'; expected a component and an id. Run pulumi up again")
    path = f"{PROGRAMS}/claim.{component}"
    acts: Acts = {
        "claimed": lambda: read(path).decode(errors="replace"),
        f"claim({MARK})": lambda mark: write(path, f"{token}\n{mark[1:]}\n", 0o600, redis=False),
    }
    if verb == "claim":
        # Which version, is not for who asks to choose: it is what comes to be staged, or is.
        acts[f"package ({PACKAGES})"] = lambda what: package(what, told)
        acts["listener ([0-9]{1,5})"] = lambda port: run("ss", "-Hltnp", f"sport = :{port}")[1]
        if whose := re.match(rb"owner ([\w.-]+/[\w.-]+)\n", told):
            acts["prepare"] = lambda: prepare(whose[1].decode())
    elif token in read(path).decode(errors="replace").split():
        acts[GO[component]] = lambda unit, what: remove_unit(unit) if unit else take_away(what)
        acts["disarm-return"] = disarm_return
        # Systemd may not know of a daemon that somebody started by hand.
        find = ["find", "/proc", "-maxdepth", "2", "-name", "cwd", "-lname", os.path.realpath(DATA)]
        acts["users-of-data"] = lambda: run(*find)[1]
    return acts


# --- the conversation ---------------------------------------------------------------------------

# Bytes of a line, of which the longest names all hashes of passwords that are accepted; all that may come on stdin;
# what a pipe that can be written takes at once, without the end of the line.
LONGEST_LINE, LONGEST_TOLD, PIPE_ROOM = 64 << 10, 16 << 20, 4095
# What is told to end has so many seconds for it.
END_PATIENCE = 10
# The director asks on the one and reads the answers on the other.
FILES = (14, 15)
# What runs as redis, by the distribution's own Python: what stands in /usr/local may be any.
DIRECTOR = ["/usr/bin/python3", "-I", "-S", f"{PROGRAMS}/redis_cluster/__main__.py"]


def perform(line: bytes, acts: Mapping[str, Callable[..., object]]) -> bytes:
    """Does what the line asks for, and says what it came to. Raises Refused where it is no act."""
    text = line.decode("ascii", "replace")
    for form, act in acts.items():
        if asked := re.fullmatch(form, text):
            try:
                answer = f"ok {act(*asked.groups()) or ''}"
            except (Refused, OSError) as failure:
                answer = f"failed {failure}"
            return clean(answer.strip()).encode()[:PIPE_ROOM] + b"\n"
    raise Refused(
        f"what directs this step asked root for {text[:80]!r}, which is no act; expected one of "
        f"{PROGRAMS}/redis-cluster. Look who else runs as redis here, then run pulumi up again. It was not done"
    )


def pass_on(said: FileIO, to: int, ended: int) -> None:
    """What the director says, heard or not. With root's own files it could hold a connection, read or steer a terminal.

    ended: becomes readable once it has ended. What a pipe holds then is all of it: whoever stays behind says nothing.
    """
    os.set_blocking(said.fileno(), False)
    over, text = False, None
    while not over and text != b"":
        over = ended in select.select([said.fileno(), ended], [], [])[0]
        text = said.read(64 << 10)
        with suppress(OSError):
            os.write(to, re.sub(rb"[^\t\n -~\x80-\xc1\xc3-\xff]", b" ", text or b""))


def direct(verb: str, arguments: Sequence[str], told: bytes | None) -> int:
    """Has a process of redis's direct the verb, in a session of its own, and does what it asks for; its status.

    told: what it reads on stdin, a copy: what it has staged of that, root reads in its own. Default: this one's.
    """
    acts = (ACTS if verb in STEPS | CONSENTED else LOOKS) | OF_VERB.get(verb, {})
    if verb in ("claim", "unclaim"):
        acts |= of_claim(verb, told or b"", *arguments)
    if told:
        acts["stage"] = lambda: stage(told)
    stdin = None
    if told is not None or os.isatty(0):
        stdin = os.memfd_create("told")
        os.pwrite(stdin, told or b"", 0)
    (asked, asks), (answered, answers) = os.pipe(), os.pipe()
    for ours, theirs in zip((asks, answered), FILES, strict=True):
        os.dup2(ours, theirs)
        os.close(ours)
    # Before there is a redis; and it ends when this process does.
    user = pwd.getpwnam("nobody")
    with suppress(KeyError):
        user = pwd.getpwnam("redis")
    words = ["setpriv", "--no-new-privs", "--pdeathsig=KILL"]
    words += [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"] if IS_ROOT else []
    words += [*DIRECTOR, verb, *arguments]
    child = Popen(words, 0, None, stdin, PIPE, PIPE, env=ENVIRONMENT, pass_fds=FILES, start_new_session=True)
    for file in FILES:
        os.close(file)
    ended, pending, watched = os.pidfd_open(child.pid), b"", [asked]
    said = [Thread(target=pass_on, args=(*of, ended), daemon=True) for of in ((child.stdout, 1), (child.stderr, 2))]
    for each in said:
        each.start()
    try:
        # What outlives it has no acts.
        while ended not in select.select([ended, *watched], [], [])[0]:
            came = os.read(asked, LONGEST_LINE)
            *lines, pending = (pending + came).split(b"\n")
            for line in lines:
                if not select.select([], [answers], [], 0)[1]:
                    raise Refused(f"what directs {verb} reads no answers. Look who else runs as redis here")
                os.write(answers, perform(line, acts))
            if len(pending) > LONGEST_LINE:
                perform(pending, {})
            if not came:
                watched = []
                os.close(answers)
    except BaseException:
        # It lifts what it holds up, or goes on to an end that is better than the middle.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        child.terminate()
        if not select.select([ended], [], [], END_PATIENCE)[0]:
            os.killpg(child.pid, signal.SIGKILL)
        raise
    finally:
        if verb == "lead":
            remove(f"{RUN}.lead")
        # Who reads slowly hears its last words too.
        for each in said:
            each.join(END_PATIENCE)
    return child.wait()


# --- verbs --------------------------------------------------------------------------------------

# By what is staged.
STEPS = {"node-start", "node-roll", "node-roll-master", "sentinel-start", "sentinel-stop", "sentinel-roll"}
STEPS |= {"decommission"}
CONSENTED = {"lead", "trust-data", "convert"}
# One at a time. In a migration there is nothing for root to do.
LOCKED = STEPS | CONSENTED | {"claim", "unclaim", "migrate"}
# By units: as redis, and kernel as root who may write kernel settings alone.
OF_UNITS = {"compose-node", "compose-sentinel", "restore-priority", "keep-stamp", "leave", "last-words", "kernel"}
OF_UNITS |= {"backup", "prove-backup", "copy-backup", "drill-backups", "run-backup"}


def main(verb: str = "", *arguments: str) -> int:
    """The status of a verb, which is ended after so many seconds where it comes as `within SECONDS VERB`."""
    seconds = "0"
    if verb == "within":
        seconds, verb = (*arguments, "", "")[:2]
        arguments = arguments[2:]
        if not re.fullmatch("[1-9][0-9]{0,8}", seconds):
            raise Refused(f"within '{seconds}'; expected a number of seconds")
    if not IS_ROOT and os.path.isdir(ETC) and not os.access(ETC, os.R_OK):
        raise Refused(f"this is done by root; run it so: sudo {PROGRAMS}/redis-cluster {verb}")
    if verb in OF_UNITS or not (IS_ROOT or ROOT):
        refuse_planted()
        os.execve(DIRECTOR[0], [*DIRECTOR, verb, *arguments], {**os.environ, **ENVIRONMENT})
    # The time of this verb is over, or somebody ends it: what is going on ends.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM):
        signal.signal(number, lambda number, _: sys.exit(number))
    signal.alarm(int(seconds))
    try:
        # With files to stage.
        told = sys.stdin.buffer.read(LONGEST_TOLD) if verb == "claim" or (verb == "node-start" and arguments) else None
        if verb in LOCKED:
            lock()
        # Asked before there is anything of ours, or after.
        if verb not in ("check-programs", "claim", "unclaim"):
            refuse_planted()
        status = direct(verb, arguments, told)
    except SystemExit as end:
        limit = ", which is redis-cluster:limits.step; where it only takes longer, raise that"
        why = f"after {seconds} s{'' if verb in ('check-programs', 'drift') else limit}"
        if end.code != signal.SIGALRM:
            why = "before it was done: somebody stopped it"
        raise Refused(
            f"{verb} was ended {why}. Look at {GATE} and at the load of this host, then run pulumi up again"
        ) from None
    finally:
        # What is left of this process has no handler any more.
        signal.alarm(0)
    if status < 0:
        raise Refused(
            f"{verb} was ended by signal {-status}; expected that it goes on, or says why not. Look at the host, with "
            f"{GATE} at the group, then run pulumi up again"
        )
    if verb in STEPS and not status:
        heard(verb.partition("-")[0])
    return status


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
        sys.exit(main(*sys.argv[1:]))
    except (Refused, OSError) as failure:
        more = "" if isinstance(failure, Refused) else "; expected that it works. See 'df -h' here, then try again"
        print(f"redis-cluster[{os.uname().nodename}]: error: {clean(str(failure))}{more}", file=sys.stderr)
        sys.exit(1)
