"""Leases, locks and elections: against the real etcd, over restarts, and when many end at once."""

import re
import signal
import threading
import time

import pb
from harness import Failure, LeftOut, check, knob, peer, percentile, same, test, wait_for
from test_ctl import Ctl, start_etcd

HEADER_ONLY = pb.Message(header=(1, pb.HEADER))
LEADER_KEY = pb.Message(name=(1, bytes), key=(2, bytes), rev=(3, int), lease=(4, int))
LEASE = "/etcdserverpb.Lease/"
LOCK = "/v3lockpb.Lock/"
ELECTION = "/v3electionpb.Election/"
METHODS = {
    LEASE
    + "LeaseGrant": (
        pb.Message(ttl=(1, int), id=(2, int)),
        pb.Message(header=(1, pb.HEADER), id=(2, int), ttl=(3, int)),
    ),
    LEASE + "LeaseRevoke": (pb.Message(id=(1, int)), HEADER_ONLY),
    LEASE
    + "LeaseTimeToLive": (
        pb.Message(id=(1, int), keys=(2, bool)),
        pb.Message(header=(1, pb.HEADER), id=(2, int), ttl=(3, int), granted=(4, int),
                   keys=(5, [bytes])),
    ),
    LEASE
    + "LeaseLeases": (
        pb.Message(),
        pb.Message(header=(1, pb.HEADER), leases=(2, [pb.Message(id=(1, int))])),
    ),
    LOCK
    + "Lock": (
        pb.Message(name=(1, bytes), lease=(2, int)),
        pb.Message(header=(1, pb.HEADER), key=(2, bytes)),
    ),
    LOCK + "Unlock": (pb.Message(key=(1, bytes)), HEADER_ONLY),
    ELECTION
    + "Campaign": (
        pb.Message(name=(1, bytes), lease=(2, int), value=(3, bytes)),
        pb.Message(header=(1, pb.HEADER), leader=(2, LEADER_KEY)),
    ),
    ELECTION + "Proclaim": (pb.Message(leader=(1, LEADER_KEY), value=(2, bytes)), HEADER_ONLY),
    ELECTION + "Resign": (pb.Message(leader=(1, LEADER_KEY)), HEADER_ONLY),
    ELECTION
    + "Leader": (
        pb.Message(name=(1, bytes)),
        pb.Message(header=(1, pb.HEADER), kv=(2, pb.KEY_VALUE)),
    ),
}
pb.METHODS.update(METHODS)


def left(client, lease):
    return client.call(LEASE + "LeaseTimeToLive", id=lease, keys=True)


def leases(client):
    return [lease.id for lease in client.call(LEASE + "LeaseLeases").leases]


def same_ids(text):
    """etcdctl's output without lease IDs, which servers make at random, and without what is left,
    which depends on the moment."""
    text = re.sub(rb"\b[0-9a-f]{14,16}\b", b"ID", text)
    text = re.sub(rb"remaining\(\d+s\)", b"remaining", text)
    text = re.sub(rb'"(id|ttl)":\d+', rb'"\1":0', text)
    text = re.sub(rb'"(TTL)" : \d+', rb'"\1" : 0', text)
    text = re.sub(rb'"(ID|lease|cluster_id|member_id|raft_term)":\d+', rb'"\1":0', text)
    text = re.sub(rb'"(ID|Lease|ClusterID|MemberID|RaftTerm)" : \d+', rb'"\1" : 0', text)
    return re.sub(rb'"ts":"[^"]*"|client-[0-9a-f-]{36}|127.0.0.1:\d+|"caller":"[^"]*"', b"", text)


def lease_story(ctl):
    """One run of etcdctl's lease commands; returns what they printed."""
    seen = []

    def do(*line):
        status, out, err = ctl(list(line))
        seen.append((line[:2], status, same_ids(out), same_ids(err)))
        return out

    do("lease", "grant", "1")  # made longer: 2 s
    lease = do("lease", "grant", "600").split()[1].decode()
    do("put", "a", "1", f"--lease={lease}")
    do("put", "b", "2", f"--lease={lease}")
    do("put", "b", "3")  # no longer: etcd lists the keys of a lease in no order
    do("get", "a", "-w", "json")
    for form in ("simple", "json", "fields"):
        do("lease", "keep-alive", "--once", lease, "-w", form)
        do("lease", "timetolive", lease, "--keys", "-w", form)
        do("lease", "timetolive", "123456789abcdef0", "-w", form)
    do("lease", "keep-alive", "--once", "123456789abcdef0")
    do("lease", "grant", "9000000001")
    do("lease", "grant", "no number")
    do("put", "c", "3", "--lease=123456789abcdef0")
    do("put", "a", "4", "--ignore-lease")
    do("lease", "timetolive", lease, "--keys")
    do("lease", "revoke", "123456789abcdef0")
    do("lease", "revoke", lease)
    do("lease", "revoke", lease)
    do("get", "", "--prefix")
    do("lock", "mutex", "echo", "held")
    return seen


@test("etcdctl 3.4 prints the same of leases and locks as against etcd 3.4")
def etcdctl_leases(scratch):
    program = peer("etcd-3.4/etcdctl", "etcdctl-3.4")
    etcd, address, peer_url = start_etcd(scratch, peer("etcd-3.4/etcd"))
    try:
        moat = scratch.server(
            *["--initial-advertise-peer-urls", peer_url, "--initial-cluster"],
            f"default={peer_url}",
        )
        moat.start()
        ours, theirs = lease_story(Ctl(program, moat.address)), lease_story(Ctl(program, address))
        for mine, real in zip(ours, theirs):
            same(mine, real, mine[0])
        return f"{len(ours)} commands"
    finally:
        etcd.kill()
        etcd.wait()


@test("leases, their keys and what is left of them outlive kills and clean stops")
def restarts(scratch):
    server = scratch.server()
    server.start()
    with server.client() as client:
        for lease, ttl in ((1, 6), (-2, 600), (3, 600)):
            client.call(LEASE + "LeaseGrant", id=lease, ttl=ttl)
        client.put(b"short", b"v", lease=1)
        client.put(b"long", b"v", lease=-2)
        client.put(b"moved", b"v", lease=1)
        client.put(b"moved", b"w", lease=-2)
        client.call(LEASE + "LeaseRevoke", id=3)
    server.kill()
    server.start()
    began = time.monotonic()
    with server.client() as client:
        same(sorted(leases(client)), [-2, 1])
        same(left(client, -2).keys, [b"long", b"moved"])
        same(left(client, -2).granted, 600)
        same(left(client, 1).keys, [b"short"])
    server.stop()
    server.start()
    with server.client() as client:
        wait_for(lambda: left(client, 1).ttl == -1, 20, "the end of the lease")
        check(time.monotonic() - began > 5.9, "it ended before its time")
        same(client.value(b"short"), None)
        same(client.value(b"moved"), b"w")
        check(left(client, -2).ttl > 500, "the other lease goes on")


@test("a server that stands still for a while ends no lease whose keep-alive waits")
def pause(scratch):
    server = scratch.server()
    server.start()
    with server.client() as client:
        client.call(LEASE + "LeaseGrant", id=1, ttl=3)
        grpc_stream = client.channel.stream_stream(LEASE + "LeaseKeepAlive")
        request = pb.Message(id=(1, int))
        answer = pb.Message(header=(1, pb.HEADER), id=(2, int), ttl=(3, int))
        asked = threading.Event()

        def requests():
            yield request.encode(id=1)
            asked.wait(20)
            yield request.encode(id=1)

        answers = grpc_stream(requests(), timeout=30)
        same(answer.decode(next(answers)).ttl, 3)
        server.process.send_signal(signal.SIGSTOP)
        asked.set()
        time.sleep(4)
        server.process.send_signal(signal.SIGCONT)
        same(answer.decode(next(answers)).ttl, 3)
        same(leases(client), [1])


class Background:
    """Calls made in a thread, as they block."""

    def __init__(self, call):
        self.outcome = None
        self.thread = threading.Thread(target=self._run, args=(call,), daemon=True)
        self.thread.start()

    def _run(self, call):
        self.outcome = call()

    def result(self):
        self.thread.join(20)
        if self.outcome is None:
            raise Failure("a call does not end")
        return self.outcome


def attempt(client, path, **fields):
    """The answer without what each server says in its own way, or the refusal."""
    try:
        found = client.call(path, **fields)
    except client.grpc.RpcError as error:
        return error.code().name, error.details()
    found.header = found.header.revision
    return found


def waits(client, prefix, n):
    wait_for(lambda: client.prefix(prefix, count_only=True).count == n, 20, f"{n} keys")


def contest_story(client):
    """Locks and elections among three sessions; returns every answer."""
    seen = []

    def do(path, **fields):
        seen.append((path, attempt(client, path, **fields)))
        return seen[-1][1]

    def later(path, **fields):
        return Background(lambda: attempt(client, path, **fields))

    client.put(b"first")
    do(LOCK + "Lock", name=b"l", lease=99)
    for lease in (0x10, 0x20, -3):
        do(LEASE + "LeaseGrant", id=lease, ttl=60)
    do(LOCK + "Lock", name=b"negative", lease=-3)
    do(LOCK + "Lock", name=b"l", lease=0x10)
    do(LOCK + "Lock", name=b"l", lease=0x10)
    second = later(LOCK + "Lock", name=b"l", lease=0x20)
    waits(client, b"l/", 2)
    do(LOCK + "Unlock", key=b"l/10")
    seen.append(second.result())
    do(LOCK + "Unlock", key=b"l/20")
    do(LOCK + "Unlock", key=b"")
    do(LOCK + "Unlock", key=b"nothing")
    do(LOCK + "Lock", name=b"", lease=0x10)
    do(ELECTION + "Leader", name=b"e")
    do(ELECTION + "Proclaim", value=b"v")
    do(ELECTION + "Resign")
    leader = {"name": b"e", "key": b"e/10", "rev": 3, "lease": 0x10}
    do(ELECTION + "Proclaim", leader=leader, value=b"v")
    do(ELECTION + "Proclaim", leader={**leader, "key": b""}, value=b"v")
    do(ELECTION + "Campaign", name=b"e", lease=77, value=b"v")
    first = do(ELECTION + "Campaign", name=b"e", lease=0x10, value=b"one")
    leader["rev"] = first.leader.rev
    do(ELECTION + "Campaign", name=b"e", lease=0x10, value=b"two")
    do(ELECTION + "Leader", name=b"e")
    second = later(ELECTION + "Campaign", name=b"e", lease=0x20, value=b"next")
    waits(client, b"e/", 2)
    do(ELECTION + "Proclaim", leader=leader, value=b"three")
    do(ELECTION + "Resign", leader={**leader, "rev": 1})
    do(ELECTION + "Resign", leader=leader)
    seen.append(second.result())
    do(ELECTION + "Leader", name=b"e")
    do(ELECTION + "Proclaim", leader=leader, value=b"too late")
    return seen


@test("locks and elections answer as etcd's, to the letter")
def contests(scratch):
    program = peer("etcd-3.7/etcd", "etcd-3.4/etcd")
    etcd, address, _ = start_etcd(scratch, program)
    try:
        server = scratch.server()
        server.start()
        with server.client() as ours, server.client(address) as theirs:
            mine, real = contest_story(ours), contest_story(theirs)
        for found, wanted in zip(mine, real):
            same(found, wanted)
        return f"{len(mine)} calls"
    finally:
        etcd.kill()
        etcd.wait()


@test("many leases that end together are gone soon, while puts go on")
def many(scratch):
    number = knob("MOAT_LEASES", 1000)
    server = scratch.server()
    server.start()
    with server.client() as client:
        began = time.monotonic()
        for _ in range(100):
            client.put(b"warm")
        ttl = 5 + int((time.monotonic() - began) / 100 * 2 * number * 3)
        for lease in range(1, number + 1):
            client.call(LEASE + "LeaseGrant", id=lease, ttl=ttl)
            client.put(b"k%d" % lease, b"v", lease=lease)
    server.stop()
    began = time.monotonic()
    server.start()  # now all of them have the same time left
    times, gone = [], []
    with server.client() as client:
        if client.prefix(b"k", count_only=True).count != number:
            raise LeftOut("this machine is too slow: the first leases end before the last are granted")
        while not gone or time.monotonic() < gone[-1] + 0.5:
            before = time.monotonic()
            client.put(b"other", b"v")
            after = time.monotonic()
            times.append((after, after - before))
            if len(times) % 20 == 0 and not client.prefix(b"k", count_only=True).count:
                gone.append(after) if not gone else None
            check(after < began + ttl + 60, "the leases do not end")
        same(leases(client), [])
        first = began + ttl
        quiet = [took for at, took in times if at < first]
        busy = [took for at, took in times if first <= at <= gone[0]]
        check(gone[0] > first, "they ended before their time")
    return (
        f"{number} gone {gone[0] - first:.2f} s after they were due; puts p99 "
        f"{percentile(quiet, 99) * 1000:.1f} ms before, {percentile(busy, 99) * 1000:.1f} ms then"
    )
