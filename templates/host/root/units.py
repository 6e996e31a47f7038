# --- units --------------------------------------------------------------------------------------

# What stands beside the daemons: the file by which the stack has it or not, and the setting.
BESIDE = {FIREWALL: ("firewall.nft", "firewall"), KERNEL: (KERNEL, "kernelSettings")}
BESIDE |= {BACKUP: (BACKUP, "backup"), TIMER: (TIMER, "backup")}


def systemctl(*words: str) -> None:
    """That it fails shows in the state of the unit, and whether that has started is the director's to see."""
    run("systemctl", *words)


def word_of(question: str, unit: str) -> str:
    """What systemctl says in a word, or `unknown`."""
    said = run("systemctl", question, unit)[1]
    return said if re.fullmatch("[a-z-]{1,20}", said) else "unknown"


def shown(what: str, *unit: str) -> str:
    """A property, of systemd itself or of a unit."""
    return run("systemctl", "show", "-p", what, "--value", *unit)[1]


def install_unit(unit: str) -> None:
    """The current release's, and nothing beside it. One that is neither that nor the administrator's never starts."""
    if unit in UNIT.values():
        # The directory was redis's in a legacy group, with the pid files of both daemons. Its node may still
        # run when the first unit of ours starts here, and cannot remove its file then.
        if os.path.isdir(RUN):
            os.chown(RUN, os.geteuid(), os.getegid())
        remove(f"{RUN}/{unit.removesuffix('.service')}.pid")
    remove(*drop_ins(unit))
    same = unit_text(unit) == read(f"{UNITS}/{unit}")
    if not same:
        write(f"{UNITS}/{unit}", unit_text(unit), redis=False)
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
    beside = [f"{ROOT}{path}/{unit}.d" for path in shown("UnitPath").split()]
    found = [f"{path}/{name}" for path in beside if os.path.isdir(path) for name in os.listdir(path)]
    return [path for path in found if path.endswith(".conf")]


def remove_unit(unit: str) -> None:
    """Stops it, and takes its file away, where there is one. Raises Refused where it goes on: then nothing is taken."""
    if not os.path.lexists(f"{UNITS}/{unit}"):
        return
    systemctl("disable", "--now", "--quiet", unit)
    state = word_of("is-active", unit)
    if state in ("active", "activating", "deactivating", "reloading"):
        raise going_on(unit, f"it is {state}")
    remove(f"{UNITS}/{unit}")
    systemctl("daemon-reload")
    systemctl("reset-failed", unit)


def going_on(unit: str, seen: str) -> Refused:
    """Why nothing of it is taken away."""
    return Refused(
        f"{unit} was told to stop, and {seen}; expected it stopped, so its files and its data stay. Look at 'sudo "
        f"journalctl -u {unit}', have it end, then run the same again"
    )


def refuse_users_of_data() -> None:
    """Systemd may not know of a daemon that somebody started by hand. Raises Refused."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            where = os.readlink(f"/proc/{process}/cwd")
        except OSError:
            continue
        if where == os.path.realpath(DATA):
            raise Refused(
                f"process {process} still works in {DATA}; expected nobody, so all stays. See 'ps -fp {process}', have "
                "it end, then run the same again"
            )


def start(daemon: str) -> None:
    """By the unit as it should be."""
    install_unit(UNIT[daemon])
    systemctl("reset-failed", UNIT[daemon])
    systemctl("start", "--no-block", UNIT[daemon])


def stop_sentinel(seconds: str) -> None:
    """By the unit that starts it again: the legacy one would take the runtime directory of both daemons along.

    A timer starts it again after so many seconds, should the run die.
    """
    install_unit(UNIT["sentinel"])
    disarm_return()
    timer = [f"--on-active={seconds}", f"--unit={RETURN}", "--timer-property=AccuracySec=1s"]
    status, said = run("systemd-run", "--quiet", *timer, "systemctl", "start", UNIT["sentinel"])
    if status:
        raise Refused(f"the sentinel's return could not be armed: {said}; it was not stopped. Run pulumi up again")
    systemctl("stop", UNIT["sentinel"])


def disable(daemon: str) -> None:
    """Stops it for good: it starts neither by itself nor with the host."""
    if daemon == "sentinel":
        disarm_return()
    systemctl("disable", "--now", "--quiet", UNIT[daemon])


def disarm_return() -> None:
    """The sentinel is back, or to go."""
    systemctl("stop", f"{RETURN}.timer")
    systemctl("reset-failed", f"{RETURN}.service")


def stamp() -> None:
    """Has somebody stamp for a node that an older program has started."""
    systemctl("reset-failed", f"{STAMP}.service")
    properties = [f"BindsTo={UNIT['node']}", f"After={UNIT['node']}", "Restart=always", "RestartSec=1"]
    properties += ["NoNewPrivileges=yes", "ProtectSystem=strict", f"ReadWritePaths={DATA} {RUN}/node"]
    options = ["--quiet", "--collect", f"--unit={STAMP}", "--uid=redis", "--gid=redis"]
    options += [f"--property={each}" for each in properties]
    run("systemd-run", *options, f"{PROGRAMS}/redis-cluster", "keep-stamp")


def binary(daemon: str) -> str:
    """A package upgrade replaces the file that the running daemon was started from: `replaced`, else `same`."""
    try:
        program = os.readlink(f"/proc/{int(shown('MainPID', UNIT[daemon]))}/exe")
    except (OSError, ValueError):
        return "same"
    return "replaced" if program.endswith(" (deleted)") else "same"


def libraries(daemon: str) -> str:
    """Those of the system whose files were replaced under the running daemon. Of its own user nobody may look there."""
    mapped = read(f"/proc/{shown('MainPID', UNIT[daemon])}/maps").decode(errors="replace")
    form = r" /(?:usr/)?lib/(?:[!-~]*/)?([0-9A-Za-z_+.-]+\.so[0-9.]*) \(deleted\)$"
    return " ".join(sorted({*re.findall(form, mapped, re.MULTILINE)}))


def journal(unit: str, *since: str) -> str:
    """The last words of a unit, in one line."""
    return run("journalctl", "-u", unit, *since, "-o", "cat", "-n", "20", "--no-pager")[1].replace("\n", ";")[-4000:]


def beside() -> None:
    """Who reaches the two ports, what Redis asks of the kernel, and what saves: units where the stack says so."""
    for unit, (file, key) in BESIDE.items():
        if not asks(read(f"{CURRENT}/{file}")):
            remove_unit(unit)
            continue
        same = unit_text(unit) == read(f"{UNITS}/{unit}")
        install_unit(unit)
        if unit == BACKUP:
            # On a new machine what is fetched goes there before anything was saved.
            directory(f"{DATA}-backup", "redis", 0o750)
        # What saves is started by its timer alone.
        if unit != BACKUP and run("systemctl", "reload-or-restart" if same else "restart", unit)[0]:
            raise Refused(
                f"{unit} was refused: {journal(unit)}. Look at {CURRENT}/{file} and redis-cluster:{key}, then run "
                "pulumi up again"
            )


def asks(text: bytes) -> bool:
    """Whether a file asks for anything: where the stack does not, it has comments alone."""
    return re.search(rb"^(table|\[)", text, re.MULTILINE) is not None


def listener(port: str) -> str:
    """Who listens there: `PID NAME`, or nothing."""
    found = re.search(r'users:\(\("([A-Za-z0-9_.:-]{1,15})",pid=([0-9]+)', run("ss", "-Hltnp", f"sport = :{port}")[1])
    return f"{found[2]} {found[1]}" if found else ""


# As apt knows it; of what is staged, which root has taken for itself.
VERSION = re.compile(rb"^package ((?:[0-9]{1,3}:)?[0-9]{1,4}\.[0-9]{1,4}[0-9A-Za-z.+~-]{0,60})$", re.MULTILINE)
# Debian's redis-server is a link into redis-tools; the two others want its very version where they are there.
OF_REDIS = ("redis-server", "redis-tools", "redis", "redis-sentinel")
DISTRIBUTIONS = "redis-server.service"


def package(what: str, told: bytes = b"") -> str:
    """Nothing once it is done, else the number of the process that holds the package database, 0 where nobody tells it.

    `install NAME`; `change redis-server`, in place of the installed version; `fetch redis-server`, for a later change;
    `update` of the lists; `configure`, the end of what was interrupted. told: what says of which version redis-server
    shall be. Raises Refused.
    """
    wanted, names, more = VERSION.search(told), what.split()[1:], []
    if names == ["redis-server"] and (wanted or not what.startswith("install")):
        if not wanted:
            raise Refused(f"package {what}: the stack asks for no version. Run pulumi up again")
        known = run("dpkg-query", "-W", "-f=${Package} ${db:Status-Status}\n", *OF_REDIS)[1].split("\n")
        names = [
            f"{name}={wanted[1].decode()}" for name in OF_REDIS if name in OF_REDIS[:2] or f"{name} installed" in known
        ]
        more = ["--allow-downgrades", "--allow-change-held-packages", "--no-remove"]
        more += ["--download-only"] if what.startswith("fetch") else []
    # Before the distribution's own can start: an interruption at any point, and an upgrade, leave it off. One that
    # somebody uses goes on with what it runs: it is not this program's to restart.
    if what == "install redis-server":
        systemctl("mask", "--quiet", DISTRIBUTIONS)
    elif what == "change redis-server":
        systemctl("mask", "--runtime", "--quiet", DISTRIBUTIONS)
    options = ["-o", "Dpkg::Options::=--force-confdef", "-o", "Dpkg::Options::=--force-confold"]
    verb = ["update"] if what == "update" else [*more, "install", *names]
    words = ["apt-get", "-q", "-y", *options, "--no-install-recommends", *verb]
    try:
        status, said = run(*(["dpkg", "--configure", "-a"] if what == "configure" else words))
    finally:
        if what == "change redis-server":
            systemctl("unmask", "--runtime", "--quiet", DISTRIBUTIONS)
    held = re.search(r"\block\b.*\bprocess (?:with pid )?([0-9]{1,9})", said)
    holder = held[1] if held else "0" if "Could not get lock" in said else ""
    if status and not holder:
        raise Refused(f"{'dpkg --configure -a' if what == 'configure' else f'apt-get {what}'} failed: {said[-500:]}.")
    return holder if status else ""
