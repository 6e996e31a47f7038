# --- staging and claims -------------------------------------------------------------------------

# What a release has. Which lines they may have is the director's to see, since it is redis who reads them; but for
# this table of its own, which root loads.
OF_SENTINEL = ("sentinel.conf", "sentinel-users.acl", UNIT["sentinel"])
FILES = {"members", "secrets", "live", "redis.conf", "users.acl", *OF_SENTINEL}
FILES |= {*UNIT.values(), FIREWALL, KERNEL, BACKUP, TIMER, "firewall.nft"}
# What comes with the secrets, where the stack has it.
WITH_SECRETS = {"tls.ca", "tls.crt", "tls.key", "backup.env", "backup.key", "backup.host"}
RULE = (
    rb"#[^\x00-\x1f\x7f]*|table inet %b( \{)?|flush table inet %b| *\}| *chain input \{"
    rb"| *type filter hook input priority filter; policy accept;| *tcp dport != \{ [0-9, ]+ \} accept"
    rb"| *iif lo accept| *ip saddr [0-9./]+ accept| *meta l4proto tcp reject with tcp reset|"
) % (TABLE.encode(), TABLE.encode())


def stage(told: bytes) -> None:
    """Puts files, each below a line `==> NAME <==`, where the next steps find them: all of them, or none."""
    refuse_planted()
    whole = re.match(rb"(.*\n|)==> end <==\n", told, re.DOTALL)
    _, *parts = re.split(rb"^==> ([A-Za-z0-9._-]+) <==\n", whole[1] if whole else b"", flags=re.MULTILINE)
    files = {name.decode(): text for name, text in zip(parts[::2], parts[1::2], strict=True)}
    rules = files.get("firewall.nft", b"").split(b"\n")
    wrong = next((number for number, line in enumerate(rules, 1) if not re.fullmatch(RULE, line)), 0)
    if wrong or not whole or not {*files} <= FILES | WITH_SECRETS:
        seen = f"firewall.nft: line {wrong}" if wrong else "what came is no release"
        raise Refused(f"nothing was staged: {seen}; expected files as this version writes them. Run pulumi up again")
    with_room(f"{RELEASES}/.incoming", files)
    for name in files:
        os.rename(f"{RELEASES}/.incoming/{name}", f"{STAGED}/{name}")
    # They come together; nobody else takes away what the stack has no more.
    if "secrets" in files:
        remove(*(f"{STAGED}/{name}" for name in WITH_SECRETS - {*files}))
    remove(f"{RELEASES}/.incoming")


# A replacement's delete follows its create in the same run; a mark older than this, in seconds, was left by a run that
# was killed.
REPLACEMENT_LIMIT = 1800


def claim(component: str = "", token: str = "", new: str = "") -> int:
    """Verb claim COMPONENT TOKEN [new]: who may take it away, by the id of the program's last writing; and its files.

    Pulumi's delete runs last in a replacement, and also after the state was lost and made anew; so it only acts when
    the claim that it was made with is in force. A new resource with the token already in force replaces one whose
    delete is still to come. Unless no step has followed that one: its run was killed, and the state may have the
    one before, or none.

    On stdin is what redis_cluster/incoming.py is told, then what stage does.
    """
    file, told = claim_file(component, token), sys.stdin.buffer.read(LONGEST_TOLD)
    lock()
    if status := direct("claim", [component], told):
        return status
    if component == "node":
        prepare(told)
    stage(told)
    # The last: a claim whose making has failed is made again as a new one, and would be taken for a replacement's.
    before, unheard = first_line(file), unheard_after(file)
    if new == "new" and before == token and unheard is None:
        mark = f"replaced {int(time.time())}"
    else:
        mark = " ".join(["unheard", *({*(unheard or []), before} - {token, ""})])
    write(file, f"{token}\n{mark}\n", 0o600, redis=False)
    return 0


def unheard_after(file: str) -> list[str] | None:
    """The claims before the one in force while no step has followed that: the state may have any. Else None."""
    unheard = re.search("^unheard(.*)$", read(file).decode(errors="replace"), re.MULTILINE)
    return unheard[1].split() if unheard else None


def heard(verb: str) -> None:
    """A step has followed the claim of its component, so the state has that one."""
    file = f"{PROGRAMS}/claim.{verb.partition('-')[0]}"
    if unheard_after(file) is not None:
        write(file, f"{first_line(file)}\n", 0o600, redis=False)


# What other programs of the host go by, where they are there; by the name among ours.
OF_OTHERS = {
    "logrotate": f"{ROOT}/etc/logrotate.d/{CLUSTER}",
    "needrestart": f"{ROOT}/etc/needrestart/conf.d/{CLUSTER}.conf",
}


def claim_file(component: str, token: str) -> str:
    """Where a claim is. Both become part of what root reads again."""
    if component not in UNIT or not re.fullmatch(ID, token):
        raise Refused(f"claim '{component}' '{token}'; expected a component and an id")
    return f"{PROGRAMS}/claim.{component}"


def first_line(path: str) -> str:
    """That of a file of root's, or nothing."""
    return read(path).decode(errors="replace").split("\n")[0]


def prepare(told: bytes) -> None:
    """What a host needs before anything of ours may be put on it."""
    # Modules start in half the time when root has compiled them. By the distribution's own Python: what stands in
    # /usr/local may be any.
    os.umask(0o022)
    run("/usr/bin/python3", "-I", "-m", "compileall", "-q", f"{PROGRAMS}/redis_cluster")
    os.umask(0o077)
    # Made while redis can put nothing in its place; the legacy directory was redis's own.
    if not root_owns(ETC) or not root_owns(MANAGED):
        directory(ETC, "root", 0o750)
        if not root_owns(MANAGED):
            remove(MANAGED)
    for path in (MANAGED, STAGED, RELEASES):
        directory(path, "root", 0o750)
    directory(ETC, "root", 0o1770)
    for path in (DATA, LOGS):
        directory(path, "redis", 0o750)
    for name, path in OF_OTHERS.items():
        if os.path.isdir(os.path.dirname(path)):
            write(path, read(f"{PROGRAMS}/{name}").replace(b"/redis-cluster/", f"/{CLUSTER}/".encode()), redis=False)
    lines = told.decode(errors="replace").split("\n")
    owners = [match[1] for match in (re.fullmatch("owner (.*)", line) for line in lines) if match]
    write(f"{PROGRAMS}/owner", "".join(f"{owner}\n" for owner in owners))


def unclaim(component: str = "", token: str = "", data: str = "keep-data", owner: str = "") -> None:
    """Verb unclaim COMPONENT TOKEN keep-data|delete-data [OWNER].

    Of a stack whose group another one has since, as a state that was copied, it takes nothing.
    """
    file = claim_file(component, token)
    lock()
    in_force = [first_line(file), *(unheard_after(file) or [] if owner else [])]
    if token not in in_force or (owner and first_line(f"{PROGRAMS}/owner") not in ("", owner)):
        return
    since = re.search("^replaced ([0-9]{1,12})$", read(file).decode(errors="replace"), re.MULTILINE)
    if since and time.time() - int(since[1]) < REPLACEMENT_LIMIT:
        write(file, f"{token}\n", 0o600, redis=False)
        return
    legacy = any(b"\nType=forking\n" in read(f"{UNITS}/{unit}") for unit in UNIT.values())
    if legacy and not os.path.lexists(f"{MANAGED}/initialised"):
        # A legacy group that was never taken over stays as it is, and so does the directory.
        shut()
        remove(MANAGED)
        own(ETC, "redis", 0o755)
    elif component == "sentinel":
        disarm_return()
        remove_unit(UNIT[component])
        # Later releases are made of what is staged.
        remove(f"{ETC}/redis-sentinel.conf", *(f"{STAGED}/{name}" for name in OF_SENTINEL))
    else:
        # With the data stays the role that they were written in.
        if data == "keep-data":
            direct("retire", [])
        remove_unit(UNIT["node"])
        refuse_users_of_data()
        for unit in reversed(BESIDE):
            remove_unit(unit)
        shut()
        # A link leads to where they are. A host without a node has none to keep.
        kept = data == "keep-data" and os.path.isdir(DATA) and os.listdir(DATA)
        remove(ETC, LOGS, *OF_OTHERS.values(), *([] if kept else [os.path.realpath(DATA), DATA]))
    if component == "node":
        remove(f"{PROGRAMS}/owner")
        # What an administrator installed, an administrator removes.
        if not os.path.isdir(f"{PROGRAMS}/units"):
            ours = (*OF_OTHERS, "redis-cluster", "write-files", "watch-firewall", "sums", "redis_cluster")
            remove(*(f"{PROGRAMS}/{name}" for name in ours))
    remove(file)
    if os.path.isdir(PROGRAMS) and not os.listdir(PROGRAMS):
        os.rmdir(PROGRAMS)


def shut() -> None:
    """What redis puts into the directory while it is emptied would stay."""
    if os.path.isdir(ETC):
        os.chown(ETC, os.geteuid(), os.getegid())
        os.chmod(ETC, 0o700)
