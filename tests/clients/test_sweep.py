"""Every command of etcdctl, with a real etcd and with the server under test, and moat ctl beside it:
equal in what they print and in how they exit."""

import concurrent.futures
import re

import sweep_lines
from harness import check, peer, plain_environment, run, same, test
from setting import link

# Equal IDs in all of them.
FLAGS = [
    *["--initial-advertise-peer-urls", "http://127.0.0.1:4"],
    *["--initial-cluster", "default=http://127.0.0.1:4"],
]

# What two servers, or two runs, have not in common.
NORMAL = [
    (r"127\.0\.0\.1:\d\d+", "HOST"),
    (r"[\d.]+[µm]?s(?=[ \n.,]|$)", "TIME"),
    (r'(?i)("took"(?: : |:)"?)[\d.µm]+s', r"\1TIME"),
    (r"lease [0-9a-f]{16}", "lease ID"),
    (r'"(ID|id|lease)":\d+', r'"\1":ID'),
    (r'(?m)"(ID|Lease)" : [1-9a-f]\w{10,}$', r'"\1" : ID'),
    (r"(?m)^[0-9a-f]{16}$", "ID"),
    (r"remaining\(\d+s\)", "remaining(S)"),
    (r'(?i)"(ttl|raft_?term)"(?: : |:)\d+', r'"\1":N'),
    (r'(?m)^\{"level":.*\n?', ""),
    (r"(?m)^(warning|stty): .*\n?", ""),
    (r"(?m)^\d{4}-\S+ \S+ [WC] \| .*\n?", ""),
    (r"(?s)panic: .*", "panic"),
    (r"etcdctl version: .*", "etcdctl version: X"),
]

# Of whose answer only this may differ: sizes and indexes.
NUMBERS = [["endpoint", "status"], ["member", "list"], ["endpoint", "health"]]


def normal(line, text):
    text = text.decode("utf-8", "backslashreplace")
    for pattern, to in NORMAL:
        text = re.sub(pattern, to, text)
    text = re.split(r"(?m)^Usage:|^NAME:", text)[0].strip("\n")
    if line.words[:2] in NUMBERS:
        text = re.sub(r"\d+(\.\d+)? (k|M|G)?B|\d+%|\d+", "N", text)
        text = re.sub(r"[ ─-]+", " ", text)
    return text


class Program:
    """An etcdctl and the server that it talks to."""

    def __init__(self, path, server):
        self.path = path
        self.server = server
        self.lease = "1"

    def __call__(self, line):
        words = [word.replace("{lease}", self.lease) for word in line.words]
        environment = {
            **plain_environment(),
            "ETCDCTL_API": "3",
            "ETCDCTL_ENDPOINTS": self.server.address,
            **line.variables,
        }
        if any(word.startswith("--endpoints") for word in words):
            del environment["ETCDCTL_ENDPOINTS"]
        done = run(
            [self.path, *words],
            input=line.text.encode(),
            env=environment,
            cwd=self.server.scratch.path,
        )
        granted = re.search(rb'lease ([0-9a-f]{16}) granted|"ID"[ :]+(\d+)', done[1])
        if words[:2] == ["lease", "grant"] and granted:
            self.lease = (granted[1] or b"%x" % int(granted[2])).decode()
        return done


def differences(line, ours, theirs, own_words=False):
    """Sentences about what is not equal."""
    if own_words and b"panic:" in theirs[2]:
        return
    if ours[0] != theirs[0]:
        yield f"{line}: exit status {ours[0]} for {theirs[0]}: {ours[2].decode()}"
    if own_words and line in sweep_lines.HELP:
        return
    if "protobuf" in line.words and line.words[0] not in ("user", "role"):
        names = ["stderr"]  # IDs and terms stand anywhere in it
        if bool(ours[1]) != bool(theirs[1]):
            yield f"{line}: stdout {ours[1]!r} for {theirs[1]!r}"
    else:
        names = ["stdout", "stderr"]
    for name in names:
        index = 1 if name == "stdout" else 2
        one, other = normal(line, ours[index]), normal(line, theirs[index])
        if one != other:
            yield f"{line}: {name}\n    found  {one!r}\n    wanted {other!r}"


def sweep(ours, theirs, leave_out=(), own_words=False):
    """Run each line with both; all that differs is told at once."""
    wrong = []
    with concurrent.futures.ThreadPoolExecutor(2) as both:
        for line in sweep_lines.ALL:
            if str(line) in leave_out:
                continue
            done = list(both.map(lambda program: program(line), (ours, theirs)))
            wrong += differences(line, *done, own_words=own_words)
    check(not wrong, f"{len(wrong)} differences\n" + "\n".join(wrong))
    return f"{len(sweep_lines.ALL)} command lines"


def against_etcd(scratch, version, leave_out=()):
    path = peer(f"etcd-{version}/etcdctl")
    ours = Program(path, scratch.server(*FLAGS, data="ours", log="ours.log"))
    theirs = Program(path, scratch.server(*FLAGS, kind=f"etcd-{version}", data="theirs", log="theirs.log"))
    return sweep(ours, theirs, leave_out)


@test("etcdctl 3.7 prints and exits as with etcd 3.7")
def etcdctl_new(scratch):
    scratch.not_on("etcd-3.4", "is another version")
    return against_etcd(scratch, "3.7")


@test("etcdctl 3.4 prints and exits as with etcd 3.4")
def etcdctl_old(scratch):
    scratch.not_on("etcd-3.7", "is another version")
    # 3.4 has no header there, over which its fields printer falls.
    alarms = [f"alarm list -w {form}" for form in ("json", "fields", "protobuf")]
    return against_etcd(scratch, "3.4", alarms)


@test("moat ctl prints and exits as etcdctl 3.7")
def moat_ctl(scratch):
    for kind in ("etcd-3.4", "etcd-3.7"):
        scratch.not_on(kind, "is not ours")
    ours = Program(link("etcdctl"), scratch.server(*FLAGS, data="ours", log="ours.log"))
    theirs = Program(peer("etcd-3.7/etcdctl"), scratch.server(*FLAGS, data="theirs", log="theirs.log"))
    return sweep(ours, theirs, own_words=True)
