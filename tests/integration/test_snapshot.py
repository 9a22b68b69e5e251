"""The way in from etcd and out again: snapshots and hashes, against the real etcds."""

import hashlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import threading

import pb
from etcd import ENVIRONMENT, Ctl, Etcd
from harness import MOAT, Client, Failure, check, free_port, has, knob, peer, run, same, test, wait_for

def history(rng, operations):
    """Command lines that make revisions: the same on each server."""
    for _ in range(operations):
        key = f"k{rng.randrange(12)}"
        kind = rng.randrange(10)
        if kind < 7:
            yield ["put", key, f"v{rng.randrange(1000)}" * rng.choice([1, 1, 30])]
        elif kind < 9:
            yield ["del", key]
        else:
            yield ["del", "k1", "k3"]


def revision_of(ctl):
    return ctl.json("get", "nothing")["header"]["revision"]


@test("HashKV is etcd's for the same history: now, earlier, after compactions, after a restart")
def hash_kv(scratch):
    seed = knob("MOAT_SEED", 1)
    rng = random.Random(seed)
    server = scratch.server()
    server.start()
    etcd = Etcd(scratch, "3.7", "etcd", f"http://127.0.0.1:{free_port()}")
    etcd.start()
    ours, theirs = Ctl(server.url), Ctl(etcd.url)
    compared = 0
    for _ in range(5):
        for line in history(rng, 15):
            same(ours(*line), theirs(*line), f"seed {seed}: {line}")
        now = revision_of(ours)
        same(now, revision_of(theirs))
        for revision in [0, now, now - 1, now - rng.randrange(10)]:
            try:
                wanted = theirs.hash_kv(revision)
            except Failure:
                continue
            same(ours.hash_kv(revision), wanted, f"seed {seed}: HashKV({revision}) at {now}")
            compared += 1
        compacted = now - rng.randrange(1, 8)
        for ctl in (ours, theirs):
            ctl("compaction", str(compacted), "--physical")
        for revision in (0, compacted):
            wanted = theirs.hash_kv(revision)
            same(ours.hash_kv(revision), wanted, f"seed {seed}: HashKV({revision}) compacted")
            compared += 1
        same(
            ours.refused("endpoint", "hashkv", "--rev", "1"),
            theirs.refused("endpoint", "hashkv", "--rev", "1"),
        )
    wanted = theirs.hash_kv()
    server.kill()
    server.start()
    same(ours.hash_kv(), wanted, "after a restart")
    return f"{compared} hashes"


def fill(ctl, rng):
    for line in history(rng, 60):
        ctl(*line)
    ctl("lease", "grant", "3600")
    lease = ctl("lease", "grant", "7200").split()[1]
    ctl("put", "leased", "x", "--lease", lease)
    ctl("user", "add", "root:secret")
    ctl("user", "add", "alice:other")
    ctl("role", "add", "readers")
    ctl("role", "grant-permission", "readers", "read", "k", "--prefix=true")
    ctl("user", "grant-role", "alice", "readers")
    ctl("compaction", str(revision_of(ctl) - 20), "--physical")
    for line in history(rng, 20):
        ctl(*line)


def rights(ctl):
    return [
        ctl("user", "list"),
        ctl("role", "list"),
        ctl("user", "get", "alice"),
        ctl("role", "get", "readers"),
    ]


def leases_of(ctl):
    return sorted(lease["id"] for lease in ctl.json("lease", "list")["leases"])


def restore(version, snapshot, etcd):
    program = peer("etcd-3.7/etcdutl") if version == "3.7" else peer("etcd-3.4/etcdctl")
    status, _, err = run(
        [program, "snapshot", "restore", snapshot, "--data-dir", etcd.data, "--name", "default"]
        + ["--initial-cluster", f"default={etcd.peer_url}"]
        + ["--initial-advertise-peer-urls", etcd.peer_url],
        env=ENVIRONMENT,
    )
    same(status, 0, err.decode())


def import_into(server, snapshot, *flags):
    return run(
        [MOAT, "import", "--snapshot", snapshot, "--data-dir", server.data]
        + ["--listen-peer-urls", server.peer_url, *flags]
    )


def there_and_back(scratch, version):
    """etcd -> snapshot -> moat -> snapshot -> etcd: the same at each station."""
    rng = random.Random(7)
    first = Etcd(scratch, version, "first", f"http://127.0.0.1:{free_port()}")
    first.start()
    origin = Ctl(first.url, version)
    fill(origin, rng)
    wanted = Ctl(first.url).hash_kv()
    everything = origin.json("get", "", "--prefix")["kvs"]
    old_revision = revision_of(origin) - 10
    earlier = origin.json("get", "", "--prefix", "--rev", str(old_revision))["kvs"]
    origin("snapshot", "save", scratch.sub("one.db"))

    server = scratch.server()
    status, out, err = import_into(server, scratch.sub("one.db"))
    same(status, 0, err.decode())
    has(out.decode(), "2 leases", "2 users", "1 roles")
    server.start()
    moat = Ctl(server.url)
    found = moat.hash_kv()
    same(found["hash"], wanted["hash"], "HashKV in moat")
    same(moat.json("get", "", "--prefix")["kvs"], everything)
    same(moat.json("get", "", "--prefix", "--rev", str(old_revision))["kvs"], earlier)
    same(revision_of(moat), revision_of(origin))
    same(rights(moat), rights(origin), "users and roles in moat")
    same(leases_of(moat), leases_of(origin), "leases in moat")
    moat("put", "since", "then")
    after = moat.hash_kv()
    Ctl(server.url, version)("snapshot", "save", scratch.sub("two.db"))

    last = Etcd(scratch, version, "last", f"http://127.0.0.1:{free_port()}")
    restore(version, scratch.sub("two.db"), last)
    last.start()
    back = Ctl(last.url)
    same(back.hash_kv()["hash"], after["hash"], "HashKV in etcd again")
    same(back.json("get", "", "--prefix")["kvs"], moat.json("get", "", "--prefix")["kvs"])
    same(rights(Ctl(last.url, version)), rights(origin), "users and roles in etcd again")
    same(leases_of(back), leases_of(origin), "leases in etcd again")
    back("put", "and", "on")
    return f"{len(everything)} keys"


@test("a snapshot of etcd 3.7 becomes moat's data, and moat's snapshot becomes etcd's again")
def both_ways_37(scratch):
    return there_and_back(scratch, "3.7")


@test("a snapshot of etcd 3.4 becomes moat's data, and moat's snapshot becomes etcd's again")
def both_ways_34(scratch):
    return there_and_back(scratch, "3.4")


def moat_snapshot(scratch, server, name):
    path = scratch.sub(name)
    Ctl(server.url)("snapshot", "save", path)
    return path


@test("etcdutl: moat's prints the same as the real one's, of moat's snapshot and of etcd's")
def etcdutl(scratch):
    server = scratch.server()
    server.start()
    ctl = Ctl(server.url)
    for line in history(random.Random(3), 50):
        ctl(*line)
    for size in (900, 1100, 4000, 5000, 9000, 20000, 70000):
        ctl("put", f"large/{size}", "v" * size)
    ctl("compaction", str(revision_of(ctl) - 10), "--physical")
    snapshot = moat_snapshot(scratch, server, "s.db")
    theirs = peer("etcd-3.7/etcdutl")
    ours = scratch.sub("etcdutl")
    os.symlink(MOAT, ours)
    lines = [["snapshot", "status"], ["hashkv"], ["hashkv", "--rev", str(revision_of(ctl) - 1)]]
    for words in lines + [["hashkv", "--rev", "1"], ["hashkv", "--rev", "1000"]]:
        for form in ("simple", "json", "table", "fields"):
            copy = scratch.sub("copy.db")
            shutil.copy(snapshot, copy)  # the real hashkv writes into it
            wanted = run([theirs, *words, copy, "-w", form])
            shutil.copy(snapshot, copy)
            same(run([ours, *words, copy, "-w", form]), wanted, f"{words} {form}")
    server.stop()
    before = os.path.getsize(server.data + "/moat/db")
    same(run([ours, "defrag", "--data-dir", server.data])[0], 0)
    check(os.path.getsize(server.data + "/moat/db") <= before, "defrag made the file larger")
    wanted = json.loads(run([ours, "hashkv", snapshot, "-w", "json"])[1])
    same(json.loads(run([ours, "hashkv", server.data + "/moat/db", "-w", "json"])[1]), wanted)
    server.start()
    same(ctl.hash_kv()["hash"], wanted["hash"])
    status, _, err = run([ours, "defrag", "--data-dir", server.data])
    check(status == 1 and b"in use" in err, "defrag beside a running server:", err)


@test("etcdutl: help, completion and wrong command lines as the real one's")
def etcdutl_lines(scratch):
    theirs = peer("etcd-3.7/etcdutl")
    ours = scratch.sub("etcdutl")
    os.symlink(MOAT, ours)
    commands = ["completion", "defrag", "hashkv", "migrate", "snapshot", "snapshot restore"]
    lines = [f"{c} --help" for c in [*commands, "snapshot status", "version"]]
    lines += ["", "help", "--help", "help snapshot", "help snapshot restore", "nope", "snapshot"]
    lines += ["snapshot nope", "snapshot status", "snapshot restore", "hashkv", "hashkv a b"]
    lines += ["hashkv --rev x f", "defrag", "defrag --nope", "--nope", "--timeout x version"]
    lines += ["completion", "completion nope", "migrate", "migrate --data-dir d"]
    lines += [f"migrate --data-dir d --target-version {v}" for v in ("x", "3.6.1", "3.4")]
    for line in lines:
        same(run([ours, *line.split()]), run([theirs, *line.split()]), line)
    for shell in ("bash", "zsh", "fish", "powershell"):
        status, out, _ = run([ours, "completion", shell])
        same(status, 0)
        has(out.decode(), "snapshot", "--target-version")
    script = """source <("$1" completion bash); COMP_CWORD=2 COMP_WORDS=(etcdutl snapshot s)
        _etcdutl; echo "${COMPREPLY[@]}" """
    same(run(["bash", "-c", script, "bash", ours])[1], b"status\n")


@test("etcdutl migrate: moat's data needs none; etcd's, and what is in use, is refused")
def migrate(scratch):
    server = scratch.server()
    ours = scratch.sub("etcdutl")
    os.symlink(MOAT, ours)
    line = [ours, "migrate", "--target-version", "3.6", "--data-dir"]
    server.start()
    status, _, err = run([*line, server.data])
    check(status == 1 and b"in use" in err, "beside a running server:", err)
    server.stop()
    status, out, _ = run([*line, server.data])
    check(status == 0 and b"Nothing to migrate" in out, "of moat's data:", out)
    os.mkdir(scratch.sub("etcd"))
    status, _, err = run([*line, scratch.sub("etcd")])
    check(status == 1 and b"moat/db" in err, "of no data of moat's:", err)


@test("what is no whole snapshot, and a directory with data in it, are refused in a sentence")
def refusals(scratch):
    server = scratch.server()
    server.start()
    with server.client() as c:
        for n in range(50):
            c.put(b"k%d" % n, b"v" * 1000)
    snapshot = moat_snapshot(scratch, server, "s.db")
    status, _, err = import_into(server, snapshot)
    check(status == 1 and b"not empty" in err, "into existing data:", err)
    with open(snapshot, "rb") as f:
        whole = f.read()
    other = scratch.server(data="other")

    def refused(body, *parts):
        with open(scratch.sub("bad.db"), "wb") as bad:
            bad.write(body)
        found = import_into(other, scratch.sub("bad.db"))
        same(found[0], 1, found[2].decode())
        has(found[2].decode(), *parts)
        check(not os.path.exists(other.data + "/moat/db"), "something was left behind")

    refused(b"", "no snapshot")
    refused(b"x" * 100000, "no snapshot")
    refused(whole[:20001], "no snapshot")
    refused(whole[:-32], "missing hash")
    flipped = bytearray(whole)
    flipped[30000] ^= 1
    refused(bytes(flipped), "damaged")
    with open(scratch.sub("bad.db"), "wb") as f:
        f.write(whole[:-32])
    same(import_into(other, scratch.sub("bad.db"), "--skip-hash-check")[0], 0)
    other.start()
    with other.client() as c:
        same(len(c.prefix(b"k").kvs), 50)


@test("--bump-revision lets revisions go on higher, and calls all before compacted, as etcdutl does")
def bump(scratch):
    server = scratch.server()
    server.start()
    ctl = Ctl(server.url)
    for line in history(random.Random(5), 30):
        ctl(*line)
    ctl("put", "last", "one")
    now = revision_of(ctl)
    snapshot = moat_snapshot(scratch, server, "s.db")
    other = scratch.server(data="other")
    flags = ["--bump-revision", "1000000", "--mark-compacted"]
    same(import_into(other, snapshot, flags[0], flags[1])[0], 1)
    same(import_into(other, snapshot, *flags)[0], 0)
    other.start()
    moved = Ctl(other.url)
    same(revision_of(moved), now + 1000000)
    has(moved.refused("get", "last", "--rev", str(now)), "has been compacted")
    same(moved("get", "last"), "last\none\n")
    moved("put", "last", "two")
    same(revision_of(moved), now + 1000001)


def read_snapshot(client):
    """The messages of a snapshot, as they come."""
    method = client.channel.unary_stream(
        "/etcdserverpb.Maintenance/Snapshot",
        request_serializer=lambda raw: raw,
        response_deserializer=pb.SNAPSHOT_REPLY.decode,
    )
    return method(b"", timeout=120)


@test("a snapshot that nobody reads holds up writes, reads and other snapshots in nothing")
def slow_reader(scratch):
    server = scratch.server()
    server.start()
    value = os.urandom(1 << 20)
    with server.client() as c:
        for n in range(24):
            c.put(b"k%d" % n, value)
        unread = read_snapshot(c)
        next(unread)
        for n in range(24):
            c.put(b"k%d" % n, value)
        now = c.range(b"x").header.revision
        c.compact(now)
        try:
            c.range(b"k1", revision=now - 1)
            raise Failure("a compacted revision was read")
        except c.grpc.RpcError as error:
            has(error.details(), "compacted")
        same(metric(server, "moat_pinned_revisions"), 1)
        moat_snapshot(scratch, server, "s.db")
        unread.cancel()
        wait_for(lambda: metric(server, "moat_pinned_revisions") == 0, 20, "it to be let go")
        c.compact(c.put(b"k0", value).header.revision, physical=True)
        size = os.path.getsize(server.data + "/moat/db")
        for _ in range(3):
            for n in range(24):
                c.put(b"k%d" % n, value)
            c.compact(c.range(b"x").header.revision, physical=True)
        grown = os.path.getsize(server.data + "/moat/db")
        check(grown < size + (48 << 20), "the file grows with each round:", size, grown)
    server.stop()


def metric(server, name):
    text = run(["curl", "-s", server.url + "/metrics"])[1].decode()
    return float(next(line for line in text.splitlines() if line.startswith(name + " ")).split()[1])


def with_megabytes(scratch, n):
    """A server with this value, of 1 MiB, under so many keys."""
    server = scratch.server()
    server.start()
    value = os.urandom(1 << 20)
    with server.client() as c:
        for i in range(n):
            c.put(b"k%03d" % i, value)
    return server, value


@test("a snapshot costs little memory, however large, says before how large it is, and ends in its hash")
def small_memory(scratch):
    server, _ = with_megabytes(scratch, 60)
    with server.client() as c:
        before = server.anon_kb()
        remaining = size = None
        digest = hashlib.sha256()
        last = b""
        for part in read_snapshot(c):
            digest.update(last)
            last = part.blob
            size = size or part.remaining_bytes + len(last)
            check(remaining is None or part.remaining_bytes <= remaining, "more remains than before")
            remaining = part.remaining_bytes
            grown = server.anon_kb() - before
            check(grown < 24 << 10, f"{grown} KiB more memory for a snapshot of 60 MiB")
        same(last, digest.digest())
        same(remaining, 0)
        check(size > 60 << 20 and size % 4096 == 0, "said to be", size, "bytes")


class Load(threading.Thread):
    """Puts, deletes, transactions, leases that end; and compactions at the revision it is given."""

    def __init__(self, server):
        super().__init__()
        self.server = server
        self.compact_at = 0
        self.stopped = False
        self.revision = 0
        self.failure = None

    def run(self):
        try:
            with self.server.client() as c:
                while not self.stopped:
                    self.turn(c)
        except Exception as error:  # pylint: disable=broad-except
            self.failure = error

    def turn(self, c):
        lease = c.call("/etcdserverpb.Lease/LeaseGrant", ttl=1).id
        for n in range(20):
            c.put(b"k%d" % n, os.urandom(2000))
            c.put(b"leased%d" % n, b"x", lease=lease)
        c.txn(success=[{"put": {"key": b"t%d" % n, "value": b"v"}} for n in range(20)])
        self.revision = c.delete(b"t1", range_end=b"t2").header.revision
        if self.compact_at:
            c.compact(self.compact_at)
            self.compact_at = 0


def goes_on(load):
    begun = load.revision
    wait_for(lambda: load.failure or load.revision > begun, 30, "the load to go on")


def save_amid(scratch, server, load, name):
    """Save a snapshot; while it is read, the load goes on, and compacts up to where it was."""
    path = scratch.sub(name)
    compacted = load.revision
    with server.client() as c, open(path, "wb") as out:
        for n, part in enumerate(read_snapshot(c)):
            out.write(part.blob)
            if n == 10:
                load.compact_at = compacted
                wait_for(lambda: load.failure or load.compact_at == 0, 30, "the compaction")
                goes_on(load)
    return path, compacted


def restored_in_moat(scratch, snapshot, name):
    server = scratch.server(data=name)
    status, _, err = import_into(server, snapshot)
    same(status, 0, err.decode())
    server.start()
    return server


@test("a snapshot is of one revision, while keys change, leases end and history is compacted")
def one_moment(scratch):
    server = scratch.server()
    server.start()
    ctl = Ctl(server.url)
    value = os.urandom(10000)
    with server.client() as c:
        for n in range(1500):
            c.put(b"fill%d" % n, value)
    load = Load(server)
    load.start()
    found = []
    for n in range(3):
        goes_on(load)
        snapshot, compacted = save_amid(scratch, server, load, f"{n}.db")
        status = run([peer("etcd-3.7/etcdutl"), "snapshot", "status", snapshot, "-w", "json"])[1]
        revision = json.loads(status)["revision"]
        check(compacted <= revision < load.revision, compacted, revision, load.revision)
        wanted = ctl.hash_kv(revision)
        same(wanted["compact_revision"], compacted)
        found.append((snapshot, revision, wanted))
    load.stopped = True
    load.join()
    check(load.failure is None, load.failure)
    for n, (snapshot, revision, wanted) in enumerate(found):
        copy = restored_in_moat(scratch, snapshot, f"copy{n}")
        restored = Ctl(copy.url)
        restored("compaction", str(wanted["compact_revision"]), "--physical")
        same(restored.hash_kv(revision), wanted, f"HashKV at {revision}")
        copy.stop()
    etcd = Etcd(scratch, "3.7", "etcd", f"http://127.0.0.1:{free_port()}")
    restore("3.7", snapshot, etcd)
    etcd.start()
    theirs = Ctl(etcd.url)
    theirs("compaction", str(wanted["compact_revision"]), "--physical")
    same(theirs.hash_kv(revision)["hash"], wanted["hash"], "HashKV in etcd")
    return f"revisions {', '.join(str(revision) for _, revision, _ in found)}"


@test("moat stops at once though a snapshot is being read")
def stop_amid(scratch):
    server = scratch.server()
    server.start()
    with server.client() as c:
        for n in range(20):
            c.put(b"k%d" % n, os.urandom(1 << 20))
    with socket.create_connection(("127.0.0.1", server.port)):
        process = subprocess.Popen(
            [peer("etcd-3.7/etcdctl"), "--endpoints", server.url, "snapshot", "save"]
            + [scratch.sub("s.db")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        took = server.stop()
        process.kill()
        process.wait()
    check(took < 10, f"stopping took {took:.1f} s")


# What etcd 3.7 takes; it refuses other orders.
STREAMED = [
    {"key": b"k", "range_end": b"l"},
    {"key": b"k", "range_end": b"l", "limit": 7},
    {"key": b"k", "range_end": b"l", "limit": 100},
    {"key": b"k", "range_end": b"l", "limit": 300},
    {"key": b"k00001"},
    {"key": b"nothing"},
    {"key": b"k", "range_end": b"l", "count_only": True},
    {"key": b"k", "range_end": b"l", "keys_only": True},
    {"key": b"k", "range_end": b"l", "revision": 100},
    {"key": b"k", "range_end": b"l", "revision": 1000},
    {"key": b"k", "range_end": b"l", "serializable": True},
    {"key": b"k", "range_end": b"l", "sort_order": 1},
    {"key": b""},
]


def stream(client, fields):
    """The answer as one; how many messages; or (code, text)."""
    method = client.channel.unary_stream(
        "/etcdserverpb.KV/RangeStream",
        request_serializer=lambda raw: raw,
        response_deserializer=pb.RANGE_STREAM_REPLY.decode,
    )
    try:
        parts = [part.range for part in method(pb.RANGE.encode(**fields), timeout=20)]
    except client.grpc.RpcError as error:
        return 0, (error.code().name, error.details())
    for part in parts[:-1]:
        check(part.header is None and part.count == 0, "a header or count ahead of the last part")
    last = parts[-1]
    kvs = [kv for part in parts for kv in part.kvs]
    return len(parts), (kvs, last.header.revision, last.more, last.count)


@test("RangeStream gives what etcd 3.7's gives, in whole pairs, of one revision; sorted ones, too")
def range_stream(scratch):
    server = scratch.server()
    server.start()
    etcd = Etcd(scratch, "3.7", "etcd", f"http://127.0.0.1:{free_port()}")
    etcd.start()
    with server.client() as ours, Client(etcd.url.removeprefix("http://")) as theirs:
        rng = random.Random(1)
        for n in range(300):
            value = b"v" * rng.randrange(3000)
            ours.put(b"k%05d" % n, value)
            theirs.put(b"k%05d" % n, value)
        for fields in STREAMED:
            same(stream(ours, fields)[1], stream(theirs, fields)[1], fields)
        parts, whole = stream(ours, STREAMED[0])
        check(parts > 2, "400 KB came in", parts, "parts")
        backwards = stream(ours, {**STREAMED[0], "sort_order": 2})[1]
        same(backwards[0], whole[0][::-1])


@test("RangeStream keeps its revision while keys change and history is compacted, and little memory")
def range_stream_pinned(scratch):
    server, value = with_megabytes(scratch, 60)
    with server.client() as c:
        before = server.anon_kb()
        method = c.channel.unary_stream(
            "/etcdserverpb.KV/RangeStream",
            request_serializer=lambda raw: raw,
            response_deserializer=pb.RANGE_STREAM_REPLY.decode,
        )
        parts = iter(method(pb.RANGE.encode(key=b"k", range_end=b"l"), timeout=60))
        kvs = list(next(parts).range.kvs)
        c.delete(b"k", range_end=b"l")
        c.compact(c.range(b"x").header.revision)
        for part in parts:
            kvs += part.range.kvs
            grown = server.anon_kb() - before
            check(grown < 24 << 10, f"{grown} KiB more memory for a stream of 60 MiB")
        same(len(kvs), 60)
        check(all(kv.value == value for kv in kvs), "a value came back changed")
        same(part.range.header.revision, 61)


def verify(server, etcd, *flags):
    return run([MOAT, "verify", "--endpoint", server.url, "--against", etcd.url, *flags])


def follows(scratch, version):
    """Copy a running etcd while it is written to; return how many revisions it went on."""
    rng = random.Random(9)
    etcd = Etcd(scratch, version, "etcd", f"http://127.0.0.1:{free_port()}")
    etcd.start()
    origin = Ctl(etcd.url, version)
    fill(origin, rng)
    begun = revision_of(origin)
    server = scratch.server()
    flags = ["--data-dir", server.data, "--listen-peer-urls", server.peer_url]
    process = subprocess.Popen(
        [MOAT, "import", "--from", etcd.url, *flags],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    for line in history(rng, 60):
        origin(*line)
    lease = origin("lease", "grant", "1000").split()[1]
    origin("put", "late", "x", "--lease", lease)
    with Client(etcd.url.removeprefix("http://")) as c:
        c.txn(success=[{"put": {"key": b"t%d" % n, "value": b"v"}} for n in range(20)])
        c.delete(b"t1", range_end=b"t2")
    wait_for(lambda: os.path.exists(server.data + "/moat/db"), 20, "the snapshot to be imported")
    origin("put", "the", "last")
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    same(process.returncode, 0, err.decode())
    has(out.decode(), f"revision {revision_of(origin)},")
    server.start()
    found = verify(server, etcd)
    same(found[0], 0, found)
    has(found[1].decode(), "equal at revision")
    moat = Ctl(server.url)
    same(rights(moat), rights(origin))
    same(leases_of(moat), leases_of(origin), "leases granted meanwhile, too")
    moat("put", "only", "here")
    origin("put", "only", "there")
    found = verify(server, etcd)
    same(found[0], 1, found)
    has(found[1].decode(), '"only", which has another value')
    status, _, err = run([MOAT, "import", "--from", etcd.url, *flags, "--until-level"])
    check(status == 1 and b"not empty" in err, "into existing data:", err)
    return revision_of(origin) - begun


@test("import --from copies a running etcd 3.7, follows it, and is level when told to switch")
def from_running_37(scratch):
    return f"{follows(scratch, '3.7')} revisions followed"


@test("import --from copies a running etcd 3.4, follows it, and is level when told to switch")
def from_running_34(scratch):
    return f"{follows(scratch, '3.4')} revisions followed"


@test("import --from --until-level ends by itself, and takes moat's own servers as well")
def from_moat(scratch):
    first = scratch.server()
    first.start()
    ctl = Ctl(first.url)
    for line in history(random.Random(2), 30):
        ctl(*line)
    second = scratch.server(data="second")
    status, out, err = run(
        [MOAT, "import", "--from", first.url, "--until-level", "--data-dir", second.data]
        + ["--listen-peer-urls", second.peer_url]
    )
    same(status, 0, err.decode())
    second.start()
    same(run([MOAT, "verify", "--endpoint", first.url, "--against", second.url])[0], 0)
    same(run([MOAT, "verify", "--against", "http://127.0.0.1:1"])[0], 2)


def answer(client, call, *args, **fields):
    """What a call gives: its reply without the header, or (code, text)."""
    try:
        reply = call(*args, **fields)
    except client.grpc.RpcError as error:
        return error.code().name, error.details()
    return {k: v for k, v in vars(reply).items() if k != "header"}


@test("alarms raised by hand refuse and allow what etcd 3.7's do, and stand in Status likewise")
def alarms(scratch):
    etcd = Etcd(scratch, "3.7", "etcd", f"http://127.0.0.1:{free_port()}")
    etcd.start()
    server = scratch.server()
    server.start()
    path = "/etcdserverpb.Maintenance/Alarm"
    put = [{"put": {"key": b"k", "value": b"v"}}]
    with server.client() as ours, Client(etcd.url.removeprefix("http://")) as theirs:

        def both(what, call):
            same(answer(ours, *call(ours)), answer(theirs, *call(theirs)), what)

        def each(kind):
            both(f"{kind} get", lambda c: (c.call, path))
            both(f"{kind} put", lambda c: (c.put, b"k", b"v"))
            both(f"{kind} range", lambda c: (c.range, b"k"))
            for name, ops in (("txn put", put), ("txn none", [])):
                reply = [answer(c, lambda: c.txn(success=ops)) for c in (ours, theirs)]
                same([isinstance(r, tuple) for r in reply], [isinstance(reply[0], tuple)] * 2)
                if isinstance(reply[0], tuple):
                    same(reply[0], reply[1], f"{kind} {name}")
            both(f"{kind} delete", lambda c: (c.delete, b"x"))
            both(f"{kind} compact", lambda c: (c.compact, 10000))

        each("none")
        for alarm, name in ((1, "NOSPACE"), (2, "CORRUPT")):
            for c in (ours, theirs):
                c.call(path, action=1, member=77, alarm=alarm)
            each(name)
            found = [c.status().errors for c in (ours, theirs)]
            same(found[0], [f"memberID:77 alarm:{name}"])
            same([" ".join(e.split()) for e in found[1]], found[0])
            health = [run(["curl", "-s", url + "/health"])[1] for url in (server.url, etcd.url)]
            same(health[0], health[1])
            for c in (ours, theirs):
                c.call(path, action=2, member=77, alarm=alarm)
        each("none again")


@test("--auto-compaction-retention compacts what is older, and keeps what is not")
def auto_compaction(scratch):
    server = scratch.server("--auto-compaction-retention", "1s")
    server.start()
    with server.client() as c:
        first = c.put(b"k", b"1").header.revision
        for n in range(20):
            c.put(b"k", b"%d" % n)

        def compacted():
            c.put(b"k", b"x")
            try:
                c.range(b"k", revision=first)
            except c.grpc.RpcError as error:
                return error.details() == "etcdserver: mvcc: required revision has been compacted"
            return False

        wait_for(compacted, 30, "a compaction")
        now = c.put(b"k", b"y").header.revision
        same(c.range(b"k", revision=now).kvs[0].value, b"y")
