# --- units and packages -------------------------------------------------------------------------

# What stands beside the daemons, by the file whose text says whether the stack has it.
BESIDE = {"firewall": "firewall.nft", **{name: UNIT[name] for name in ("kernel", "backup", "timer")}}


def systemctl(*words: str) -> None:
    """That it fails shows in the state of the unit, and whether that has started is the director's to see."""
    run("systemctl", *words)


def shown(what: str, *unit: str) -> str:
    """A property, of systemd itself or of a unit."""
    return run("systemctl", "show", "-p", what, "--value", *unit)[1]


def install_unit(name: str) -> None:
    """The current release's, and nothing beside it. One that is neither that nor the administrator's never starts."""
    unit, text = UNIT[name], unit_text(UNIT[name])
    if name not in BESIDE:
        # The directory was redis's in a legacy group, with the pid files of both daemons. Its node may still
        # run when the first unit of ours starts here, and cannot remove its file then.
        if os.path.isdir(RUN):
            os.chown(RUN, os.geteuid(), os.getegid())
        remove(f"{RUN}/{unit.removesuffix('.service')}.pid")
    elif name == "backup":
        # On a new machine what is fetched goes there before anything was saved.
        directory(led(f"{DATA}-backup"), "redis", 0o750)
    remove(*drop_ins(unit))
    same = text == read(f"{UNITS}/{unit}")
    if not same:
        write(f"{UNITS}/{unit}", text, redis=False)
    # It takes a few tenths of a second.
    if not same or shown("NeedDaemonReload", unit) != "no":
        systemctl("daemon-reload")
    if run("systemctl", "is-enabled", "--quiet", unit)[0]:
        systemctl("enable", "--quiet", unit)


def unit_text(unit: str) -> bytes:
    """Where an administrator installed the program, root starts the units that came with it, and no others.

    When the timer does, is the stack's to say.
    """
    staged, ours = read(f"{CURRENT}/{unit}"), f"{PROGRAMS}/units"
    when = re.search(rb"^OnCalendar=[A-Za-z0-9*][A-Za-z0-9 *:,./~-]{0,99}$", staged, re.MULTILINE)
    if not os.path.isdir(ours):
        return staged
    return re.sub(rb"^OnCalendar=.*", when[0] if when else rb"\g<0>", read(f"{ours}/{unit}"), flags=re.MULTILINE)


def drop_ins(unit: str) -> list[str]:
    """The files that change this unit alone, wherever systemd would look for them, also those that it has not read."""
    return [each for path in shown("UnitPath").split() for each in glob(f"{ROOT}{path}/{unit}.d/*.conf")]


def remove_unit(name: str) -> None:
    """Stops it, and takes its file away. Raises Refused where it goes on: then nothing is taken."""
    unit = UNIT[name]
    systemctl("disable", "--now", "--quiet", unit)
    state = run("systemctl", "is-active", unit)[1]
    if state in ("active", "activating", "deactivating", "reloading"):
        raise Refused(f"{unit} was told to stop, and it is {state}")
    remove(f"{UNITS}/{unit}")
    systemctl("daemon-reload")
    systemctl("reset-failed", unit)


def remove_beside(name: str) -> None:
    """Unless the release asks for it: where the stack does not have it, its file has comments alone."""
    if re.search(rb"^(table|\[)", read(f"{CURRENT}/{BESIDE[name]}"), re.MULTILINE):
        raise Refused(f"the release asks for {UNIT[name]}")
    remove_unit(name)


def arm_return(seconds: str) -> None:
    """A timer starts the sentinel again after so many seconds, should the run die."""
    disarm_return()
    timer = [f"--on-active={seconds}", f"--unit={RETURN}", "--timer-property=AccuracySec=1s"]
    status, said = run("systemd-run", "--quiet", *timer, "systemctl", "start", UNIT["sentinel"])
    if status:
        raise Refused(f"the sentinel's return could not be armed: {said}; it was not stopped")


def disarm_return() -> None:
    """The sentinel is back, or to go."""
    systemctl("stop", f"{RETURN}.timer")
    systemctl("reset-failed", f"{RETURN}.service")


def stamp() -> None:
    """Has somebody stamp for a node that an older program has started."""
    systemctl("reset-failed", f"{STAMP}.service")
    wanted = [f"BindsTo={UNIT['node']}", f"After={UNIT['node']}", "Restart=always", "RestartSec=1"]
    wanted += ["NoNewPrivileges=yes", "ProtectSystem=strict", f"ReadWritePaths={DATA} {RUN}/node"]
    options = ["--quiet", "--collect", f"--unit={STAMP}", "--uid=redis", "--gid=redis"]
    run("systemd-run", *options, *(f"--property={each}" for each in wanted), f"{PROGRAMS}/redis-cluster", "keep-stamp")


@cache
def processes() -> dict[str, str]:
    """By daemon, where the kernel tells of it, as systemd had both when first asked; only root may look there."""
    pids = shown("MainPID", UNIT["node"], UNIT["sentinel"]).split()
    return dict(zip(UNIT, [f"/proc/{pid}" for pid in (*pids, 0, 0)], strict=False))


def libraries(daemon: str) -> str:
    """Those of the system whose files were replaced under the running daemon."""
    form = rb" /(?:usr/)?lib/(?:[!-~]*/)?([0-9A-Za-z_+.-]+\.so[0-9.]*) \(deleted\)$"
    return b" ".join(sorted({*re.findall(form, read(f"{processes()[daemon]}/maps"), re.MULTILINE)})).decode()


def journal(name: str, since: str) -> str:
    """The last words of a unit after that second."""
    return run("journalctl", "-u", UNIT[name], "--since", f"@{since}", "-o", "cat", "-n", "20", "--no-pager")[1][-4000:]


# As apt knows it; of what is staged, which root has taken for itself.
VERSION = re.compile(rb"^package ((?:[0-9]{1,3}:)?[0-9]{1,4}\.[0-9]{1,4}[0-9A-Za-z.+~-]{0,60})$", re.MULTILINE)
# Debian's redis-server is a link into redis-tools; the two others want its very version where they are there.
OF_REDIS = ("redis-server", "redis-tools", "redis", "redis-sentinel")


def package(what: str, told: bytes) -> None:
    """`install NAME`; `change redis-server`, in place of the installed version; `fetch redis-server`, for a later one;
    `update` of the lists; `configure`, the end of what was interrupted. Raises Refused.

    told: what says of which version redis-server shall be.
    """
    verb, _, name = what.partition(" ")
    apt = ["apt-get", "-q", "-y", "--no-install-recommends"]
    apt += ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    words = [*apt, "install", name]
    if name == "redis-server" and ((version := VERSION.search(told)) or verb != "install"):
        if not version:
            raise Refused(f"package {what}: the stack asks for no version")
        known = run("dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *OF_REDIS)[1].split("\n")
        there = [each for each in OF_REDIS if each in OF_REDIS[:2] or f"{each} installed" in known]
        more = ["--download-only"] if verb == "fetch" else []
        words = [*apt, "--allow-downgrades", "--allow-change-held-packages", "--no-remove", *more, "install"]
        words += [f"{each}={version[1].decode()}" for each in there]
    # Before the distribution's own can start: an interruption at any point, and an upgrade, leave it off. One that
    # somebody uses goes on with what it runs: it is not this program's to restart.
    if what in ("install redis-server", "change redis-server"):
        systemctl("mask", *(["--runtime"] if verb == "change" else []), "redis-server.service")
    try:
        status, said = run(*{"configure": ["dpkg", "--configure", "-a"], "update": [*apt, "update"]}.get(verb, words))
    finally:
        if verb == "change":
            systemctl("unmask", "--runtime", "redis-server.service")
    if status:
        raise Refused(f"{'dpkg --configure -a' if verb == 'configure' else f'apt-get {what}'} failed: {said[-500:]}")
