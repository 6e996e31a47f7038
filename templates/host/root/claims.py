# --- whose this host is -------------------------------------------------------------------------

OWNER = "[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+"


def owner_here() -> str:
    """PROJECT/STACK; the master's name where an older version of this program deployed the group."""
    if os.path.lexists(f"{PROGRAMS}/owner"):
        return lines_of(f"{PROGRAMS}/owner")[0]
    for file in (f"{CURRENT}/members", f"{STAGED}/members"):
        if root_owns(MANAGED) and os.path.exists(file):
            return next((line[12:] for line in lines_of(file) if line.startswith("master-name ")), "")
    return ""


def refuse_other_owner(owner: str = "", master_name: str = "", consent: str = "") -> None:
    """A host that nobody owns is anybody's."""
    if not re.fullmatch(OWNER, owner):
        raise Refused(f"owner '{owner}'; expected project/stack")
    was = owner_here()
    if was in ("", owner) or consent == f"{was} to {owner}":
        return
    # By the master's name, in which the stack's had to be at that time.
    if "/" not in was and was == (master_name or was) and owner.partition("/")[2] in was:
        return
    raise Refused(
        f"this host belongs to {was}; expected one that belongs to no other stack than {owner}. Nothing was changed. "
        f"Set redis-cluster:hosts to hosts of its own. Only where {was} is what this very stack was called before: "
        f"pulumi config set renamed '{was} to {owner}', then run pulumi up again"
    )


def check_owner(*whose: str) -> int:
    """Verb check-owner OWNER MASTER_NAME [CONSENT]; the program comes on stdin where there is nothing of ours yet."""
    refuse_other_owner(*whose)
    fresh_id()
    return 0


def check_programs(*whose: str) -> int:
    """As check_owner; and whether an administrator installed just the programs that come as lines on stdin."""
    refuse_other_owner(*whose)
    return direct("check-programs", []) or check_owner(*whose)


# --- staging ------------------------------------------------------------------------------------

WORD, NUMBER, ADDRESS = "[A-Za-z0-9_][A-Za-z0-9._-]*", "[0-9]{1,9}", r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}"
# Of each file of a release what its lines may be. A user of SSH who may run nothing else as root gains nothing by a
# line of his own. Root goes by the administrator's units where there are any, and Redis alone by certificates.
FORMS = {
    "members": f"(master-name|self) {WORD}|(quorum|sentinel-return) {NUMBER}|limits {NUMBER} {NUMBER}"
    f"|plain-ports {NUMBER} {NUMBER}|(node|sentinel) {WORD} {ADDRESS} {NUMBER}",
    "secrets": "(replication|sentinel|operator|previous-operator) [A-Za-z0-9_-]+|adopt .+"
    rf"|hash {WORD}( [0-9a-f]{{64}})+",
    "redis.conf": "[a-z][a-z0-9_-]* .+",
    # Its own table alone.
    "firewall.nft": r"table inet redis_cluster( \{)?|flush table inet redis_cluster| *\}| *chain input \{"
    r"| *type filter hook input priority filter; policy accept;| *tcp dport != \{ [0-9, ]+ \} accept"
    r"| *iif lo accept| *ip saddr [0-9./]+ accept| *meta l4proto tcp reject with tcp reset",
    "users.acl": f"user {WORD} .+",
    **dict.fromkeys(f"redis-{unit}.service" for unit in ("cluster", "sentinel", "cluster-firewall", "cluster-kernel")),
    **dict.fromkeys(("tls.ca", "tls.crt", "tls.key")),
}
FORMS |= {"sentinel.conf": FORMS["redis.conf"], "sentinel-users.acl": FORMS["users.acl"]}


def told() -> tuple[list[str], bytes]:
    """The lines of stdin, and what of it are files, the first of which begins with a line `==> NAME <==`."""
    text = sys.stdin.buffer.read()
    found = re.search(rb"^==> ", text, re.MULTILINE)
    at = found.start() if found else len(text)
    return [line for line in text[:at].decode(errors="replace").split("\n") if line], text[at:]


def stage(text: bytes) -> None:
    """Puts files, each below a line `==> NAME <==`, where the next steps find them: all of them, or none."""
    refuse_planted()
    whole = re.match(rb"(.*\n|)==> end <==\n", text, re.DOTALL)
    nothing, *parts = re.split(rb"^==> ([A-Za-z0-9._-]+) <==\n", whole[1] if whole else b"x", flags=re.MULTILINE)
    files = {name.decode(): text for name, text in zip(parts[::2], parts[1::2], strict=True)}
    refused = "; ".join(filter(None, map(strange, files, files.values()))) or (
        "what came was not whole" if nothing else ""
    )
    if refused:
        raise Refused(
            f"nothing was staged: {refused}; expected files as this version of the program writes them. Run pulumi up "
            "again"
        )
    with_room(f"{RELEASES}/.incoming", files)
    for name in files:
        os.rename(f"{RELEASES}/.incoming/{name}", f"{STAGED}/{name}")
    # They come together; nobody else takes away what the stack has no more.
    if "secrets" in files:
        remove(*(f"{STAGED}/{name}" for name in ("tls.ca", "tls.crt", "tls.key") if name not in files))
    remove(f"{RELEASES}/.incoming")


def stage_first(*owner: str) -> None:
    """For `node-start OWNER`: stages the files that come with it, and leaves the lines before them on stdin."""
    lines, files = told()
    refuse_planted()
    refuse_other_owner(*owner)
    stage(files)
    reads, writes = os.pipe()
    # Some hundred bytes, which a pipe holds.
    os.write(writes, "".join(f"{line}\n" for line in lines).encode())
    os.close(writes)
    os.dup2(reads, 0)
    os.close(reads)


def strange(name: str, text: bytes) -> str:
    """What in a file is not as this program writes it, or nothing."""
    if name not in FORMS:
        return f"{name} is no file of a release"
    form = FORMS[name]
    for number, line in enumerate(text.split(b"\n") if form else [], 1):
        if not re.fullmatch(f"#.*|{form}|".encode(), line) or re.search(rb"[\x00-\x1f\x7f]", line):
            return f"{name}: line {number}"
    return ""


# --- claims -------------------------------------------------------------------------------------

# A replacement's delete follows its create in the same run; a mark older than this, in seconds, was left by a run that
# was killed.
REPLACEMENT_LIMIT = 1800


def claim(component: str = "", token: str = "", new: str = "") -> int:
    """Verb claim COMPONENT TOKEN [new]: who may take it away, by the id of the program's last writing; and its files.

    Pulumi's delete runs last in a replacement, and also after the state was lost and made anew; so it only acts when
    the claim that it was made with is in force. A new resource with the token already in force replaces one whose
    delete is still to come.

    On stdin the lines that prepare takes, for a sentinel `owner PROJECT/STACK` alone, then what stage does.
    """
    file = claim_file(component, token)
    take_lock()
    lines, files = told()
    words = [line.partition(" ") for line in lines]
    one = {keyword: value for keyword, _, value in words}
    refuse_other_owner(one.get("owner", ""), one.get("master-name", ""), one.get("renamed", ""))
    if component == "node" and (status := prepare(words)):
        return status
    stage(files)
    # The last: a claim whose making has failed is made again as a new one, and would be taken for a replacement's.
    replaces = new == "new" and lines_of(file)[0] == token
    write(file, f"{token}\n" + (f"replaced {int(time.time())}\n" if replaces else ""), 0o600, redis=False)
    fresh_id()
    return 0


def claim_file(component: str, token: str) -> str:
    """Where a claim is. Both become part of what root reads again."""
    if component not in UNIT or not re.fullmatch(ID, token):
        raise Refused(f"claim '{component}' '{token}'; expected a component and an id")
    return f"{PROGRAMS}/claim.{component}"


def unclaim(component: str = "", token: str = "", data: str = "keep-data", owner: str = "") -> None:
    """Verb unclaim COMPONENT TOKEN keep-data|delete-data [OWNER].

    Of a stack whose group another one has since, as a state that was copied, it takes nothing.
    """
    file = claim_file(component, token)
    take_lock()
    first, mark, *_ = [*lines_of(file), ""]
    if first != token or (owner and os.path.lexists(f"{PROGRAMS}/owner") and owner_here() != owner):
        return
    since = re.fullmatch("replaced ([0-9]{1,12})", mark)
    if since and time.time() - int(since[1]) < REPLACEMENT_LIMIT:
        write(file, f"{token}\n", 0o600, redis=False)
        return
    if any(map(is_legacy, UNIT.values())) and not os.path.lexists(f"{MANAGED}/initialised"):
        # A group that was never taken over stays the old Ansible role's, and the directory as that had it.
        shut()
        remove(MANAGED)
        own(ETC, "redis", 0o755)
    elif component == "sentinel":
        disarm_return()
        remove_unit(UNIT[component])
        remove(f"{ETC}/redis-sentinel.conf")
    else:
        remove_node(data == "keep-data")
    if component == "node":
        remove(f"{PROGRAMS}/sums", f"{PROGRAMS}/owner")
        # What an administrator installed, an administrator removes.
        if not os.path.isdir(f"{PROGRAMS}/units"):
            remove(*(f"{PROGRAMS}/{name}" for name in ("redis-cluster", "write-files", "redis_cluster")))
    remove(file)
    if os.path.isdir(PROGRAMS) and not os.listdir(PROGRAMS):
        os.rmdir(PROGRAMS)


def shut() -> None:
    """What redis puts into the directory while it is emptied would stay."""
    if os.path.isdir(ETC):
        os.chown(ETC, os.geteuid(), os.getegid())
        os.chmod(ETC, 0o700)


def remove_node(keep: bool) -> None:
    """With the data stays the role they were written in: a later deployment has to know whose are the newest."""
    if keep:
        # As redis, who may have left a link or a pipe there.
        follows = run("timeout", "5", "grep", "-qs", "^replicaof ", f"{ETC}/redis-cluster.conf", user=as_redis())[0]
        if follows < 2:
            run("rm" if follows == 0 else "touch", *["-f"][follows:], f"{DATA}/retired-master", user=as_redis())
    remove_unit(UNIT["node"])
    for unit in (FIREWALL, KERNEL):
        if os.path.lexists(f"{UNITS}/{unit}"):
            remove_unit(unit)
    shut()
    remove(ETC, LOGS, ROTATION, *([] if keep else [DATA]))


# Both daemons open their logs by name for every line. Logrotate looks once a day; at `loglevel verbose` a node that
# cannot start writes 200 MB meanwhile.
ROTATION = f"{ROOT}/etc/logrotate.d/redis-cluster"
ROTATED = """# Managed by Pulumi: redis-cluster
/var/log/redis-cluster/*.log {
    weekly
    maxsize 100M
    rotate 12
    compress
    delaycompress
    missingok
    notifempty
    su redis redis
}
"""


# --- preparing a host ---------------------------------------------------------------------------


def prepare(told: list[tuple[str, str, str]]) -> int:
    """What a host needs before anything of ours may be put on it; whether it may be is for the director to see.

    told: `owner PROJECT/STACK`, `master-name NAME`, the consent `renamed PROJECT/STACK to PROJECT/STACK`, `program
    SHA256 NAME` for each, and what redis_cluster/prepare.py is told; a keyword, a space and its value.
    """
    one = {keyword: value for keyword, _, value in told}
    words = ["=".join((keyword, value)) for keyword, _, value in told if keyword.endswith("-port") or not value]
    status = direct("claim", words)
    if status:
        return status
    # Modules start in half the time when root has compiled them. By the distribution's own Python: what stands in
    # /usr/local may be any.
    os.umask(0o022)
    run("/usr/bin/python3", "-I", "-m", "compileall", "-q", f"{PROGRAMS}/redis_cluster")
    os.umask(0o077)
    # Made while redis can put nothing in its place; the role's directory was redis's own.
    if not root_owns(ETC) or not root_owns(MANAGED):
        directory(ETC, "root", 0o750)
        if not root_owns(MANAGED):
            remove(MANAGED)
    for path in (MANAGED, STAGED, RELEASES):
        directory(path, "root", 0o750)
    directory(ETC, "root", 0o1770)
    for path in (DATA, LOGS):
        directory(path, "redis", 0o750)
    if os.path.isdir(os.path.dirname(ROTATION)):
        write(ROTATION, ROTATED, redis=False)
    programs = [value.partition(" ")[::2] for keyword, _, value in told if keyword == "program"]
    sums = [f"{digest}  {name}\n" for digest, name in programs if re.fullmatch(PROGRAM, name) and digest.isalnum()]
    write(f"{PROGRAMS}/sums", "".join(sums))
    write(f"{PROGRAMS}/owner", f"{one['owner']}\n")
    return 0


def listener(port: str) -> str:
    """Who listens there: `PID NAME`, or nothing."""
    found = re.search(r'users:\(\("([A-Za-z0-9_.:-]{1,15})",pid=([0-9]+)', run("ss", "-Hltnp", f"sport = :{port}")[1])
    return f"{found[2]} {found[1]}" if found else ""


# For so many seconds another process, a host's first automatic upgrade say, may hold the package database.
DATABASE_PATIENCE = 120


def unlocked(*words: str) -> tuple[int, str]:
    """As run, once nobody else holds the package database; the status and what it printed."""
    deadline, told = time.monotonic() + DATABASE_PATIENCE, False
    while True:
        status, said = run(*words)
        held = re.search(r"\block\b.*\bprocess (?:with pid )?([0-9]{1,9})", said)
        if not status or not held or time.monotonic() >= deadline:
            return status, end_of(said)
        if not told:
            say(f"waits up to {DATABASE_PATIENCE} s for process {held[1]}, which holds the package database")
            told = True
        time.sleep(1)


def install(package: str) -> None:
    """By the host's own sources, whose lists may be old.

    The distribution's own instance is masked before it can start: an interruption at any point leaves it off, and so
    does a package upgrade.
    """
    if package == "redis-server":
        systemctl("mask", "--quiet", "redis-server.service")
    options = ["Dpkg::Options::=--force-confdef", "Dpkg::Options::=--force-confold"]
    words = [word for option in options for word in ("-o", option)]
    apt = ["apt-get", "-q", "-y", *words, "--no-install-recommends", "install", package]
    status, said = unlocked("dpkg", "--configure", "-a")
    if status:
        raise Refused(
            f"dpkg --configure -a failed: {said}. Make it work on this host, or wait until nobody holds the package "
            "database, then run pulumi up again"
        )
    if unlocked(*apt)[0]:
        unlocked("apt-get", "-q", "update")
        status, said = unlocked(*apt)
        if status:
            raise Refused(
                f"{package} could not be installed: {said}. Make 'apt-get install {package}' work on this host, then "
                "run pulumi up again"
            )
