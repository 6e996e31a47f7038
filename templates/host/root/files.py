# --- staging, releases and claims ---------------------------------------------------------------

# Which lines files may have is the director's to see, since it is redis who reads them; but for this table of its own,
# which root loads.
RULE = (
    rb"#[^\x00-\x1f\x7f]*|table inet %b( \{)?|flush table inet %b| *\}| *chain input \{"
    rb"| *type filter hook input priority filter; policy accept;| *tcp dport != \{ [0-9, ]+ \} accept"
    rb"| *iif lo accept| *ip saddr [0-9./]+ accept| *meta l4proto tcp reject with tcp reset|"
) % (TABLE.encode(), TABLE.encode())


def stage(told: bytes) -> None:
    """Puts files, each below a line `==> NAME <==`, where the next steps find them: all of them, or none."""
    refuse_planted()
    whole = re.match(rb"(.*\n|)==> end <==\n", told, re.DOTALL)
    _, *parts = re.split(rb"^==> ([a-z][a-z0-9.-]*) <==\n", whole[1] if whole else b"", flags=re.MULTILINE)
    files = {name.decode(): text for name, text in zip(parts[::2], parts[1::2], strict=True)}
    rules = files.get("firewall.nft", b"").split(b"\n")
    if wrong := [f"line {number}" for number, line in enumerate(rules, 1) if not re.fullmatch(RULE, line)]:
        raise Refused(f"nothing was staged: firewall.nft: {wrong[0]}")
    new_directory(f"{RELEASES}/.incoming", files)
    for name in files:
        os.rename(f"{RELEASES}/.incoming/{name}", f"{STAGED}/{name}")
    # What comes with the secrets, where the stack has it; nobody else takes away what it has no more.
    if "secrets" in files:
        remove(*(f"{STAGED}/{name}" for name in {*files_in(STAGED, "(tls|backup)[.]")} - {*files}))
    remove(f"{RELEASES}/.incoming")


def new_directory(path: str, files: Mapping[str, bytes]) -> None:
    """One of these files, for redis to read, in the place of one that was left. Raises OSError."""
    remove(path)
    directory(path, "root", 0o750)
    for name, text in files.items():
        write(f"{path}/{name}", text, 0o640)


def files_in(path: str, form: str = "[a-z]") -> dict[str, bytes]:
    """Those whose names begin so."""
    return {name: read(f"{path}/{name}") for name in os.listdir(path) if re.match(form, name)}


def make_release(name: str, files: Mapping[str, bytes]) -> None:
    """What is staged, by the name under which the director has had it tried out: the hash of the files."""
    made, kept, edited = (f"{RELEASES}/{each}" for each in (".made", name, ".edited"))
    new_directory(made, files)
    # One in which somebody has edited a file makes room.
    if os.path.lexists(kept):
        remove(edited)
        os.rename(kept, edited)
    os.rename(made, kept)
    remove(edited)


def switch(name: str) -> None:
    """The next start of either daemon is composed from that release."""
    now = os.readlink(CURRENT) if os.path.islink(CURRENT) else ""
    if not os.path.isdir(f"{RELEASES}/{name}"):
        raise Refused(f"there is no release {name}")
    for link, target in (("previous", now), ("current", f"releases/{name}")):
        if target and now != f"releases/{name}":
            part = f"{RELEASES}/.{link}.new"
            remove(part)
            os.symlink(target, part)
            os.rename(part, f"{MANAGED}/{link}")
    os.sync()


def prune(names: str) -> None:
    """Leaves the releases that the links and these name."""
    keep = {os.path.basename(os.path.realpath(f"{MANAGED}/{name}")) for name in ("current", "previous")}
    remove(*(f"{RELEASES}/{name}" for name in os.listdir(RELEASES) if name not in keep | {*names.split()}))


def initialised() -> None:
    """The group has been whole with this host in it: it can never be bootstrapped again."""
    write(f"{MANAGED}/initialised", "")
    remove(f"{MANAGED}/bootstrap")


def accept(hashes: str) -> None:
    """Passwords that daemons accept besides the release's, and since when; of those that are staged."""
    entries, staged = re.findall("([^ ]+) ([^ ]+) ([^ ]+)", hashes), read(f"{STAGED}/secrets").decode(errors="replace")
    known = re.findall(r"^hash ([^ \n]+)( .*)$", staged, re.MULTILINE)
    if not all(any(name == of and each in more.split() for of, more in known) for name, each, _ in entries):
        raise Refused("a password to accept is none of those that are staged")
    write(f"{MANAGED}/accepted", "".join(" ".join(entry) + "\n" for entry in entries), 0o640)


def lead(name: str) -> None:
    """While this run holds the lock, the host of that name starts as master. Below /run, which redis may not write."""
    write(f"{RUN}.lead", f"{name}\n", redis=False)
    lock(f"{RUN}.lead", 0)


def heard(component: str) -> None:
    """A step has followed the claim of its component, so the state has that one."""
    path = f"{PROGRAMS}/claim.{component}"
    token, _, mark = read(path).decode(errors="replace").partition("\n")
    if mark.startswith("unheard"):
        write(path, f"{token}\n", 0o600, redis=False)


def prepare(owner: str) -> None:
    """Makes what a host needs before anything of ours may be put on it, and notes whose it is."""
    # Made while redis can put nothing in its place; the legacy directory was redis's own.
    if not root_owns(ETC) or not root_owns(MANAGED):
        directory(ETC, "root", 0o750)
        if not root_owns(MANAGED):
            remove(MANAGED)
    for path in (MANAGED, STAGED, RELEASES):
        directory(path, "root", 0o750)
    directory(ETC, "root", 0o1770)
    for path in (DATA, LOGS):
        directory(led(path), "redis", 0o750)
    for name, path in OF_OTHERS.items():
        if os.path.isdir(os.path.dirname(path)):
            write(path, read(f"{PROGRAMS}/{name}").replace(b"/redis-cluster/", f"/{CLUSTER}/".encode()), redis=False)
    write(f"{PROGRAMS}/owner", f"{owner}\n")


# Later releases are made of what is staged.
OF_SENTINEL = ("sentinel.conf", "sentinel-users.acl", UNIT["sentinel"])
# What goes with a component that is taken away, by name.
GOES = {
    "managed": [MANAGED],
    "sentinel": [f"{ETC}/redis-sentinel.conf", *(f"{STAGED}/{name}" for name in OF_SENTINEL)],
    "group": [ETC, LOGS, *OF_OTHERS.values()],
    "data": [DATA],
    # What begins it first: without its modules it could not end what was cut off.
    "programs": [f"{PROGRAMS}/redis-cluster", PROGRAMS],
    **{name: [f"{PROGRAMS}/{name}"] for name in ("owner", "claim.node", "claim.sentinel")},
}


def take_away(what: str) -> None:
    """By its name."""
    if what in ("managed", "group") and os.path.isdir(ETC):
        # What redis puts into the directory while it is emptied would stay.
        os.chown(ETC, os.geteuid(), os.getegid())
        os.chmod(ETC, 0o700)
    # Nothing behind what redis has put in the place of root's, or of an administrator's.
    paths = [path for path in GOES[what] if STAGED not in path or (root_owns(ETC) and root_owns(MANAGED))]
    remove(*([led(DATA)] if what == "data" else []), *paths)
    if what == "managed":
        own(ETC, "redis", 0o755)
