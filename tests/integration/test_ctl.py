"""etcdctl against moat and against the etcd of the same version: what they print must be equal."""

import json
import re
import subprocess

from harness import check, free_port, peer, plain_environment, run, same, test, wait_for

BINARY = bytes(range(1, 128)).decode() + "é"

# Both servers run these from the top, so each line finds the same revision there. A list is a
# command line; a pair has a text for its standard input.
SCRIPT = [
    ["get", "nothing"],
    ["get", "nothing", "-w", "json"],
    ["get", "", "--prefix"],
    ["get", "", "--from-key"],
    ["put", "a", "1"],
    ["put", "a", "2", "--prev-kv"],
    ["put", "a", "3", "--prev-kv", "-w", "json"],
    ["put", "a", "4", "--prev-kv", "-w", "fields"],
    ["put", "new", "x", "--prev-kv"],
    ["put", "new", "--ignore-value"],
    ["put", "absent", "--ignore-value"],
    ["put", "new", "y", "--ignore-lease"],
    ["put", "absent", "y", "--ignore-lease"],
    (["put", "from/stdin"], "a value\nof two lines"),
    ["put", "key with space", "value with space"],
    ["put", "binary", BINARY],
    ["get", "binary", "-w", "json"],
    ["get", "binary", "--hex"],
    ["put", "", "empty key"],
    ["put", "dir/1", "one"],
    ["put", "dir/2", "two"],
    ["put", "dir/3", "three"],
    ["put", "dir/2", "two again"],
    ["put", "dirty", "no dir"],
    ["put", "dir0", "end of dir/"],
    ["get", "dir/", "--prefix"],
    ["get", "dir/", "--prefix", "-w", "json"],
    ["get", "dir/", "--prefix", "-w", "fields"],
    ["get", "dir/", "--prefix", "-w", "protobuf"],
    ["get", "dir/", "--prefix", "--keys-only"],
    ["get", "dir/", "--prefix", "--keys-only", "-w", "json"],
    ["get", "dir/", "--prefix", "--count-only", "-w", "fields"],
    ["get", "dir/", "--prefix", "--count-only", "-w", "json"],
    ["get", "dir/", "--prefix", "--print-value-only"],
    ["get", "dir/", "--prefix", "--limit", "2"],
    ["get", "dir/", "--prefix", "--limit", "2", "-w", "json"],
    ["get", "dir/", "--prefix", "--limit", "3", "-w", "json"],
    ["get", "dir/", "--prefix", "--limit", "0", "-w", "json"],
    ["get", "dir/1", "dir/3"],
    ["get", "dir/3", "dir/1", "-w", "json"],
    ["get", "dir/1", "dir/1", "-w", "json"],
    ["get", "dir/2", "--from-key"],
    ["get", "dir/2", "--from-key", "--keys-only", "--limit", "2", "-w", "json"],
    ["get", "dir/2", "--from-key", "--prefix"],
    *[
        ["get", "d", "--prefix", "--order", order, "--sort-by", by, "-w", "json"]
        for order in ("ASCEND", "DESCEND")
        for by in ("CREATE", "KEY", "MODIFY", "VALUE", "VERSION")
    ],
    ["get", "d", "--prefix", "--sort-by", "MODIFY"],
    ["get", "d", "--prefix", "--order", "DESCEND", "--limit", "1", "-w", "json"],
    ["get", "d", "--prefix", "--sort-by", "VALUE", "--order", "DESCEND", "--limit", "2"],
    ["get", "d", "--prefix", "--order", "SIDEWAYS"],
    ["get", "d", "--prefix", "--sort-by", "COLOUR"],
    ["get", "a", "--rev", "3", "-w", "json"],
    ["get", "a", "--rev", "1", "-w", "json"],
    ["get", "dir/", "--prefix", "--rev", "13", "-w", "json"],
    ["get", "a", "--rev", "4000"],
    ["get", "a", "--consistency", "l", "-w", "json"],
    ["get", "a", "--consistency", "s", "-w", "json"],
    ["get", "a", "--consistency", "x"],
    ["del", "nothing"],
    ["del", "nothing", "-w", "json"],
    ["del", "dir/1", "--prev-kv"],
    ["put", "dir/1", "one once more"],
    ["del", "dir/1", "--prev-kv", "-w", "json"],
    ["del", "dir/2", "dir/3", "-w", "fields"],
    ["del", "dir", "--prefix", "--prev-kv"],
    ["get", "dir/1", "--rev", "20", "-w", "json"],
    ["put", "x/1", "1"],
    ["put", "x/2", "2"],
    ["del", "x", "--from-key", "-w", "json"],
    (["txn"], 'value("a") = "4"\n\nput a 5\nget a\n\nput a wrong\n\n'),
    (["txn"], 'value("a") = "4"\n\nput a wrong\n\nget a\ndel nothing\n\n'),
    (["txn", "-w", "json"], 'mod("a") > "0"\nversion("a") = "5"\n\nget a\n\n\n'),
    (["txn", "-w", "fields"], 'create("a") = "2"\n\ndel new --prev-kv\nput b 1\n\n\n'),
    (["txn", "-w", "json"], "\nput c 1\nput d 1\nget c d\n\n\n"),
    (["txn"], "\nput c 1\nput c 2\n\n\n"),
    (["txn"], 'value("c") < "2"\n\nget c --rev 2\n\n\n'),
    (["txn"], 'value("c") = "no" sense\n\n\n\n'),
    (["txn", "-w", "json"], 'version("c") != "0"\n\nget "" --from-key --keys-only\n\n\n'),
    ["compaction", "10"],
    ["compaction", "10"],
    ["compaction", "9"],
    ["compaction", "4000"],
    ["compaction", "0"],
    ["compaction", "12", "--physical"],
    ["get", "a", "--rev", "11"],
    ["get", "a", "--rev", "12", "-w", "json"],
    ["get", "", "--prefix", "-w", "json"],
    ["compaction", "20", "--physical", "-w", "json"],
    ["get", "", "--from-key", "--keys-only"],
    ["put", "big", "v" * 100000],
    ["get", "big"],
    ["endpoint", "health"],
    ["endpoint", "status", "-w", "json"],
    ["member", "list"],
    ["member", "list", "-w", "json"],
    ["member", "list", "-w", "fields"],
    ["member", "list", "-w", "table"],
]

# What two servers cannot have in common, in the order in which it is looked for.
NORMAL = [
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"took = [\d.µm]+s", "took = TIME"),
    (r'"(revision|raft_term|term)" : \d+', r'"\1" : N'),
    (r'"raft_term":\d+', '"raft_term":N'),
    (r'"ts":"[^"]*"', '"ts":"TIME"'),
    (r"client-[0-9a-f-]{36}", "client-ID"),
    (r'"caller":"[^"]*",', ""),
]


def normal(text):
    text = text.decode("utf-8", "backslashreplace")
    for pattern, to in NORMAL:
        text = re.sub(pattern, to, text)
    return text


class Ctl:
    def __init__(self, program, address):
        self.command = [program, "--endpoints", address, "--command-timeout", "10s"]

    def __call__(self, line):
        line, text = line if isinstance(line, tuple) else (line, "")
        environment = {**plain_environment(), "ETCDCTL_API": "3"}
        return run([*self.command, *line], input=text.encode(), env=environment)


def start_etcd(scratch, program):
    """The real one, without fsync: what it prints is wanted, not its data."""
    client, peer_port = free_port(), free_port()
    url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer_port}"
    log = open(scratch.sub("etcd.log"), "wb")
    process = subprocess.Popen(
        [program, "--data-dir", scratch.sub("etcd"), "--listen-client-urls", url]
        + ["--advertise-client-urls", url, "--listen-peer-urls", peer_url, "--unsafe-no-fsync"]
        + ["--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"default={peer_url}"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
    )
    log.close()

    def up():
        check(process.poll() is None, "etcd ended; see", log.name)
        return run(["curl", "-sf", url + "/health"])[0] == 0

    try:
        wait_for(up, 20, "etcd")
    except Exception:
        process.kill()
        raise
    return process, f"127.0.0.1:{client}", peer_url


def without(text, *names):
    """JSON without the members of these names, at any depth."""

    def strip(value):
        if isinstance(value, dict):
            return {k: strip(v) for k, v in value.items() if k not in names}
        return [strip(v) for v in value] if isinstance(value, list) else value

    return strip(json.loads(text))


def compare(line, ours, theirs):
    shown = line if isinstance(line, list) else f"{line[0]} < {line[1]!r}"
    same(ours[0], theirs[0], f"{shown}: exit status, with {normal(ours[2])}")
    if line[:2] == ["endpoint", "status"]:
        # Sizes and raft's numbers are each server's own.
        names = ["dbSize", "dbSizeInUse", "raftIndex", "raftAppliedIndex", "raft_term", "raftTerm"]
        names += ["Endpoint", "version", "raft_used_db_size"]
        same(without(ours[1], *names), without(theirs[1], *names), shown)
    elif "protobuf" in line:
        same(strip_term(ours[1]), strip_term(theirs[1]), shown)
    else:
        same(normal(ours[1]), normal(theirs[1]), f"{shown}: stdout")
        same(normal(ours[2]), normal(theirs[2]), f"{shown}: stderr")


def strip_term(message):
    """A RangeResponse's bytes with the header's term, a small number at its end, set to 0."""
    size = message[1]
    same(message[0:1], b"\x0a", "the header comes first")
    same(message[size : size + 1], b"\x20", "the term comes last in the header")
    return message[: size + 1] + b"\0" + message[size + 2 :]


@test("etcdctl 3.4 prints and exits with the same as against etcd 3.4")
def etcdctl_34(scratch):
    program = peer("etcd-3.4/etcdctl", "etcdctl-3.4")
    etcd, address, peer_url = start_etcd(scratch, peer("etcd-3.4/etcd"))
    try:
        moat = scratch.server(
            *["--initial-advertise-peer-urls", peer_url, "--initial-cluster"],
            f"default={peer_url}",
        )
        moat.start()
        ours, theirs = Ctl(program, moat.address), Ctl(program, address)
        wrong = []
        for line in SCRIPT:
            try:
                compare(line, ours(line), theirs(line))
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(str(error))
        check(not wrong, f"{len(wrong)} of {len(SCRIPT)} commands differ\n" + "\n".join(wrong))
        return f"{len(SCRIPT)} commands"
    finally:
        etcd.kill()
        etcd.wait()


@test("etcdctl 3.7 works: put, get, del, txn, compaction, status, members")
def etcdctl_37(scratch):
    program = peer("etcd-3.7/etcdctl")
    server = scratch.server()
    server.start()
    ctl = Ctl(program, server.address)

    def good(line, wanted=None):
        status, out, err = ctl(line)
        same(status, 0, f"{line}: {err.decode()}")
        if wanted is not None:
            same(out.decode(), wanted, line)
        return out.decode()

    good(["put", "k", "v"], "OK\n")
    good(["put", "k", "w", "--prev-kv"], "OK\nk\nv\n")
    good(["get", "k"], "k\nw\n")
    good(["get", "k", "--rev", "2"], "k\nv\n")
    good(["get", "", "--prefix", "--count-only", "-w", "fields"])
    good((["txn"], 'value("k") = "w"\n\nput k x\n\nget k\n\n'), "SUCCESS\n\nOK\n")
    good(["del", "k", "--prev-kv"], "1\nk\nx\n")
    good(["compaction", "4", "--physical"], "compacted revision 4\n")
    status = json.loads(good(["endpoint", "status", "-w", "json"]))[0]["Status"]
    same(status["version"], "3.7.0")
    check(status["dbSizeQuota"] == 2 << 30, "the quota is 2 GiB:", status)
    same(len(json.loads(good(["member", "list", "-w", "json"]))["members"]), 1)
