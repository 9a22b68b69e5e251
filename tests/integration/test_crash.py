"""kill -9, again and again under load: what was acknowledged is there, and nothing is there twice.

The loader sends puts of keys that are never used again, puts on a few keys that many lives share,
and txns of two puts, each with a value of its own. It notes what it attempted, and what was
acknowledged with which revision. After each start the last lives are looked at key by key, and the
whole by its count; at the end, everything and the history of each shared key."""

import random
import time

import h2
import pb
from harness import check, knob, percentile, same, test

PUT, TXN = "/etcdserverpb.KV/Put", "/etcdserverpb.KV/Txn"
OUTSTANDING = 96
CONNECTIONS = 3
SHARED = 12
LIVES_LOOKED_AT = 2
LIFE_S_MAX = 0.3
PAGE = 10000


class Attempt:
    """A request that was sent: its keys, its value, and the revision once acknowledged."""

    __slots__ = ("keys", "value", "revision")

    def __init__(self, keys, value):
        self.keys = keys
        self.value = value
        self.revision = 0

    def frames(self):
        puts = [pb.PUT.encode(key=key, value=self.value) for key in self.keys]
        if len(puts) == 1:
            return PUT, puts[0]
        return TXN, pb.TXN.encode(success=[pb.REQUEST_OP.encode(put=put) for put in puts])

    def acknowledge(self, reply):
        kind = pb.PUT_REPLY if len(self.keys) == 1 else pb.TXN_REPLY
        self.revision = kind.decode(reply).header.revision


class Loader:
    """All that was ever attempted, by life, and the sending of more."""

    def __init__(self, rng):
        self.rng = rng
        self.lives = []
        self.number = 0
        self.newest = 0  # revision that some answer told

    def next_attempt(self, life):
        self.number += 1
        value = b"%d" % self.number + b"v" * self.rng.choice((0, 20, 400))
        own = b"u/%04d/%07d" % (life, self.number)
        dice = self.rng.random()
        if dice < 0.25:
            return Attempt([b"s/%02d" % self.rng.randrange(SHARED)], value)
        return Attempt([own] if dice < 0.9 else [own + b"/a", own + b"/b"], value)

    def run_life(self, server, seconds):
        """Send until the time is over, then kill the server in the midst of it."""
        life = []
        self.lives.append(life)
        end = time.monotonic() + seconds
        wires = []
        try:
            for _ in range(CONNECTIONS):
                wires.append((h2.Calls(server.address), {}))
            while time.monotonic() < end:
                for calls, waiting in wires:
                    self.send(calls, waiting, life)
                    self.receive(calls, waiting)
        finally:
            server.kill()
            for calls, waiting in wires:
                self.drain(calls, waiting)
                calls.close()

    def send(self, calls, waiting, life):
        out = b""
        while len(waiting) < OUTSTANDING:
            attempt = self.next_attempt(len(self.lives))
            stream, data = calls.frames(*attempt.frames())
            waiting[stream] = attempt
            life.append(attempt)
            out += data
        calls.wire.send(out)

    def receive(self, calls, waiting):
        if calls.ready():
            self.one_answer(calls, waiting)
        while calls.wire.unread and len(waiting) > OUTSTANDING // 2:
            self.one_answer(calls, waiting)

    def one_answer(self, calls, waiting):
        stream, reply = calls.ended(5)
        check(reply is not None, "a put was refused")
        attempt = waiting.pop(stream)
        attempt.acknowledge(reply)
        self.newest = max(self.newest, attempt.revision)

    def drain(self, calls, waiting):
        """What was answered before the kill may still lie in the socket: it counts."""
        try:
            while waiting:
                self.one_answer(calls, waiting)
        except (ConnectionError, TimeoutError):
            pass

    def acknowledged(self):
        return sum(1 for life in self.lives for a in life if a.revision)


def read_all(calls, prefix):
    kvs, at, end = {}, prefix, pb.prefix_end(prefix)
    while True:
        reply = calls.call("/etcdserverpb.KV/Range", key=at, range_end=end, limit=PAGE)
        kvs.update({kv.key: kv for kv in reply.kvs})
        if not reply.more:
            return kvs, reply.header.revision
        at = reply.kvs[-1].key + b"\0"


def look_at_own(attempts, kvs):
    """Keys of one use: what was acknowledged is there, with its revision; what is there was
    attempted, and took effect once."""
    known = 0
    for a in attempts:
        if a.keys[0].startswith(b"s/"):
            continue
        found = [kvs.get(key) for key in a.keys]
        known += sum(kv is not None for kv in found)
        if a.revision:
            check(all(found), "acknowledged, and gone:", a.keys, "of revision", a.revision)
            check(all(kv.mod_revision == a.revision for kv in found), "moved:", found, a.revision)
        check(len({kv and kv.mod_revision for kv in found}) == 1, "half a txn:", found)
        for kv in filter(None, found):
            check(kv.value == a.value, "the value of another put:", kv)
            check(kv.version == 1 and kv.create_revision == kv.mod_revision, "twice:", kv)
    same(known, len(kvs), "keys that nobody put")


def look_at_shared(calls, loader):
    """Walk each shared key's history down: every acknowledged put is in it at its revision, and
    every value is there once."""
    by_key = {}
    for life in loader.lives:
        for a in life:
            if a.keys[0].startswith(b"s/"):
                by_key.setdefault(a.keys[0], {})[a.value] = a
    for key, attempts in by_key.items():
        seen = {}
        kv = next(iter(calls.call("/etcdserverpb.KV/Range", key=key).kvs), None)
        versions = kv.version if kv else 0
        while kv:
            check(kv.value in attempts, "a value that nobody put:", kv)
            check(kv.value not in seen, "twice:", kv, seen.get(kv.value))
            seen[kv.value] = kv.mod_revision
            if kv.version == 1:
                break
            below = calls.call("/etcdserverpb.KV/Range", key=key, revision=kv.mod_revision - 1)
            check(below.kvs and below.kvs[0].version == kv.version - 1, "a gap below", kv)
            kv = below.kvs[0]
        same(len(seen), versions, f"history of {key}")
        for a in attempts.values():
            if a.revision:
                same(seen.get(a.value), a.revision, f"{key}: an acknowledged put")


def look(server, loader, newest_before):
    """After a start; returns the revision found."""
    calls = h2.Calls(server.address)
    revision = 0
    for number in range(max(1, len(loader.lives) - LIVES_LOOKED_AT + 1), len(loader.lives) + 1):
        kvs, revision = read_all(calls, b"u/%04d/" % number)
        look_at_own(loader.lives[number - 1], kvs)
    check(revision >= loader.newest, f"revision {revision} after {loader.newest} was told")
    check(revision >= newest_before, f"revision {revision} after {newest_before} was read")
    calls.close()
    return revision


@test("kill -9 under load: all that was acknowledged is there, once, and revisions never go back")
def kills(scratch):
    rng = random.Random(knob("MOAT_SEED", 1))
    loader = Loader(rng)
    server = scratch.server("--quota-backend-bytes", "-1")
    starts, revision = [], 1
    for number in range(knob("MOAT_KILLS", 40)):
        if number % 5 == 4:  # and in the midst of recovery, too
            server.spawn()
            time.sleep(rng.random() * 0.03)
            server.kill()
        starts.append(server.start())
        if loader.lives:
            revision = look(server, loader, revision)
        loader.run_life(server, rng.random() * LIFE_S_MAX)
    server.start()
    calls = h2.Calls(server.address)
    kvs, _ = read_all(calls, b"u/")
    look_at_own([a for life in loader.lives for a in life], kvs)
    look_at_shared(calls, loader)
    calls.close()
    lost_replies = sum(len(life) for life in loader.lives) - loader.acknowledged()
    return (
        f"{len(starts)} kills, {loader.acknowledged()} puts acknowledged, {lost_replies} open at a "
        f"kill; starts: median {percentile(starts, 50) * 1000:.0f} ms, "
        f"longest {max(starts) * 1000:.0f} ms"
    )
