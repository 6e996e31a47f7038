# --- releases -----------------------------------------------------------------------------------


def files_in(directory: str) -> dict[str, bytes]:
    """Those of a release, or nothing. redis_cluster/release.py finds the same."""
    names = os.listdir(directory) if os.path.isdir(directory) else []
    files = {name: read(f"{directory}/{name}") for name in names if not name.startswith(".")}
    # A sentinel that the host has no more is taken away at the run's end.
    without = re.search(rb"^self (.+)$(?!(?s:.*)^sentinel \1 )", files.get("members", b""), re.MULTILINE)
    return {name: text for name, text in files.items() if not (without and name in OF_SENTINEL)}


def hash_of(files: dict[str, bytes]) -> str:
    """The name of a release: what `sha256sum -- * | sha256sum` begins with."""
    from hashlib import sha256

    sums = "".join(f"{sha256(text).hexdigest()}  {name}\n" for name, text in sorted(files.items()))
    return sha256(sums.encode()).hexdigest()[:16]


def make_release(wanted: str, files: dict[str, bytes] | None = None) -> None:
    """What is staged, by the hash under which the director has had it tried out."""
    files = files or files_in(STAGED)
    if hash_of(files) != wanted:
        raise Refused("what is staged has changed meanwhile; run pulumi up again")
    if hash_of(files_in(f"{RELEASES}/{wanted}")) == wanted:
        return
    made, edited = f"{RELEASES}/.made", f"{RELEASES}/.edited"
    with_room(made, files)
    if asks(files.get("firewall.nft", b"")):
        status, words = run("nft", "-c", "-f", f"{made}/firewall.nft")
        if status:
            remove(made)
            raise Refused(
                f"firewall.nft was refused: {words}; nothing that runs was touched. Correct the setting named above "
                "in the stack's configuration, then run pulumi up again"
            )
    # One in which somebody has edited a file makes room.
    if os.path.lexists(f"{RELEASES}/{wanted}"):
        remove(edited)
        os.rename(f"{RELEASES}/{wanted}", edited)
    os.rename(made, f"{RELEASES}/{wanted}")
    remove(edited)


def renew_release(wanted: str) -> None:
    """The current one with the certificate that is staged."""
    certificate = {name: text for name, text in files_in(STAGED).items() if name.startswith("tls.")}
    make_release(wanted, files_in(CURRENT) | certificate)


def with_room(directory_: str, files: dict[str, bytes]) -> None:
    """A new directory of these files, for redis to read. Raises Refused where they do not fit; then it is gone."""
    remove(directory_)
    try:
        directory(directory_, "root", 0o750)
        for name, text in files.items():
            write(f"{directory_}/{name}", text, 0o640)
    except OSError as error:
        remove(directory_)
        raise Refused(words_of(error)) from None


def switch(wanted: str) -> None:
    """The next start of either daemon is composed from that release."""
    now = os.readlink(CURRENT) if os.path.islink(CURRENT) else ""
    if now == f"releases/{wanted}":
        return
    if not os.path.isdir(f"{RELEASES}/{wanted}"):
        raise Refused(f"there is no release {wanted}; run pulumi up again")
    for name, target in (("previous", now), ("current", f"releases/{wanted}")):
        if target:
            part = f"{RELEASES}/.{name}.new"
            remove(part)
            os.symlink(target, part)
            os.rename(part, f"{MANAGED}/{name}")
    os.sync()
    beside()


def prune(hashes: str) -> None:
    """Leaves the releases that the links and these name."""
    links = [f"{MANAGED}/{name}" for name in ("current", "previous") if os.path.islink(f"{MANAGED}/{name}")]
    keep = {os.path.basename(os.readlink(link)) for link in links} | {*hashes.split()}
    remove(*(f"{RELEASES}/{name}" for name in os.listdir(RELEASES) if name not in keep))


def initialised() -> None:
    """The group has been whole with this host in it: it can never be bootstrapped again."""
    write(f"{MANAGED}/initialised", "")
    remove(f"{MANAGED}/bootstrap")


def accept(hashes: str) -> None:
    """Passwords that daemons accept besides the release's, and since when; of those that are staged."""
    staged = [line.split() for line in read(f"{STAGED}/secrets").decode(errors="replace").split("\n")]
    known = {(words[1], each) for words in staged if words[:1] == ["hash"] for each in words[2:]}
    entries = re.findall("([^ ]+) ([^ ]+) ([^ ]+)", hashes)
    if not all((name, each) in known for name, each, _ in entries):
        raise Refused("a password to accept is none of those that are staged; run pulumi up again")
    write(f"{MANAGED}/accepted", "".join(" ".join(entry) + "\n" for entry in entries), 0o640)


def lead(name: str) -> None:
    """While this run holds the lock, the host of that name starts as master. Below /run, which redis may not write."""
    path = f"{RUN}.lead"
    write(path, f"{name}\n", redis=False)
    lock(path, 0)
