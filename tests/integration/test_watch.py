"""Watches, as clients of etcd know them: what is said, when, and in which bytes."""

import os
import struct
import subprocess
import threading
import time

import h2

from harness import Failure, check, has, knob, plain_environment, peer, run, same, test, wait_for
from watching import NODELETE, NOPUT, PATH, REQUEST, RESPONSE, Etcd, Stream, brief

PROGRESS = {"progress": {}}


def create(key, **fields):
    return {"create": {"key": key, **fields}}


def cancel(number):
    return {"cancel": {"watch_id": number}}


# What is done, and how many answers come of it on the stream. The same is done to moat and to etcd.
SCRIPT = [
    (PROGRESS, 0),  # no watch: no answer
    (create(b"a"), 1),
    (create(b"a", prev_kv=True, watch_id=7), 1),
    (create(b"b", watch_id=7), 1),  # taken
    (create(b"p/", range_end=b"p0", prev_kv=True), 1),
    (create(b"z", range_end=b"a"), 1),  # the wrong way round
    (create(b"z", range_end=b"z"), 1),
    (create(b"", start_revision=-1), 1),
    (create(b"a", start_revision=-5, watch_id=90), 1),
    (create(b"", watch_id=-3), 1),  # the smallest key, an ID below 0
    (create(b"", range_end=b"\0", watch_id=50), 1),  # everything
    (create(b"y", range_end=b"\0", filters=[NOPUT]), 1),
    (create(b"y", range_end=b"\0", filters=[NODELETE]), 1),
    (create(b"y", range_end=b"\0", filters=[NOPUT, NODELETE, NOPUT]), 1),
    (create(b"y", range_end=b"\0", filters=[9], watch_id=51), 1),  # unknown: none
    (("put", b"a", b"1"), 3),
    (("put", b"a", b"2"), 3),
    (("put", b"a", b""), 3),
    (("delete", b"a", b""), 3),
    (("delete", b"a", b""), 0),
    (("put", b"a", b"3"), 3),
    (("put", b"y", b"1"), 3),
    (("delete", b"y", b""), 3),
    (
        (
            "txn",
            [
                {"put": {"key": b"p/2", "value": b"x"}},
                {"put": {"key": b"p/1", "value": b"y"}},
                {"delete_range": {"key": b"a"}},
                {"put": {"key": b"q"}},
            ],
        ),
        4,
    ),
    (("txn", [{"put": {"key": b"p/3"}}, {"delete_range": {"key": b"p/1"}}]), 2),
    (("delete", b"p/", b"p0"), 2),
    (PROGRESS, 1),
    (cancel(7), 1),
    (cancel(7), 0),  # unknown: no answer
    (cancel(1234), 0),
    (("put", b"a", b"4"), 2),
    (create(b"a", start_revision=1), 2),  # all there was, in one answer
    (create(b"a", start_revision=5, prev_kv=True), 2),
    (create(b"p/", range_end=b"p0", start_revision=3, filters=[NOPUT], prev_kv=True), 2),
    (create(b"a", start_revision="now"), 2),
    (create(b"a", start_revision="next"), 1),
    (create(b"future", start_revision="later"), 1),
    (PROGRESS, 0),  # one waits for the future
    (("put", b"future", b"early"), 1),
    (("put", b"future", b"early"), 1),
    (("put", b"future", b"on time"), 2),
    (PROGRESS, 1),
    (("put", b"c", b"1"), 1),
    (("put", b"c", b"2"), 1),
    (("delete", b"c", b""), 1),
    (("put", b"c", b"3"), 1),
    (("compact", -1), 0),  # at the delete: this stays
    (create(b"c", start_revision="compacted", prev_kv=True, watch_id=60), 2),
    (create(b"c", start_revision="compacted-", watch_id=61), 2),
    (create(b"c", start_revision=1, watch_id=62), 2),
    (create(b"d", watch_id=61), 1),  # canceled, and still taken
    (cancel(61), 1),
    (cancel(62), 1),
    (cancel(-3), 1),
    (create(b"big", watch_id=70, fragment=True), 1),
    (("put", b"big", b"v" * 100), 2),
    (("big", 3), 2),
    (create(b"n/", range_end=b"n0", watch_id=71, fragment=True, prev_kv=True), 1),
    (("large", 0), 2),
    (("large", 1), 3),  # in two fragments, with what was before
    ({}, 0),  # nothing that is known
    (PROGRESS, 1),
]


class Player:
    """Does the script to one server."""

    def __init__(self, server):
        self.client = server.client()
        self.stream = Stream(self.client)
        self.revision = self.client.put(b"first").header.revision
        self.base = self.revision
        self.compacted = 0

    def revision_of(self, text):
        return {
            "now": self.revision,
            "next": self.revision + 1,
            "later": self.revision + 3,
            "compacted": self.compacted,
            "compacted-": self.compacted - 1,
        }.get(text, text)

    def do(self, what):
        if isinstance(what, dict):
            if "create" in what:
                fields = dict(what["create"])
                start = self.revision_of(fields.get("start_revision", 0))
                fields["start_revision"] = start + (self.base if 0 < start < 20 else 0)
                what = {"create": fields}
            self.stream.send(**what)
            return
        kind, *rest = what
        if kind == "put":
            reply = self.client.put(*rest)
        elif kind == "delete":
            reply = self.client.delete(rest[0], range_end=rest[1])
        elif kind == "txn":
            reply = self.client.txn(success=rest[0])
        elif kind == "compact":
            self.compacted = self.revision + rest[0]
            reply = self.client.compact(self.compacted, physical=True)
        elif kind == "big":
            reply = self.client.txn(
                success=[{"put": {"key": b"x%d" % n, "value": b"w"}} for n in range(rest[0])]
                + [{"put": {"key": b"big", "value": b"w" * 1000}}]
            )
        else:  # two events above what one message takes, in sum
            reply = self.client.txn(
                success=[
                    {"put": {"key": b"n/%d" % n, "value": bytes([48 + rest[0]]) * 700000}}
                    for n in range(2)
                ]
            )
        self.revision = reply.header.revision

    def answers(self, count):
        """So many, without what differs between servers: by watch, since only there is an order."""
        found = {}
        for _ in range(count):
            raw = self.stream.raw()
            reply = RESPONSE.decode(raw)
            size = raw[1]
            same(raw[0], 10, "the header comes first")
            rest = raw[2 + size :]
            revision = reply.header.revision - (self.base if reply.header.revision else 0)
            check(reply.header.cluster_id and reply.header.member_id, "no IDs:", reply)
            check(reply.header.raft_term, "no term:", reply)
            found.setdefault(reply.watch_id, []).append((revision, self.shift(reply), len(rest)))
        return found

    def shift(self, reply):
        """Revisions relative to the first one."""
        reply.header = None
        if reply.compact_revision:
            reply.compact_revision -= self.base
        for event in reply.events:
            for kv in filter(None, (event.kv, event.prev_kv)):
                kv.mod_revision -= self.base
                kv.create_revision -= self.base if kv.create_revision else 0
        return repr(reply)


@test("a long script of watches is answered by moat and by etcd 3.7 in the same bytes")
def same_as_etcd(scratch):
    flags = ("--max-request-bytes", "1600000")
    servers = [Etcd(scratch, "3.7", *flags), scratch.server(*flags)]
    for server in servers:
        server.start()
    players = [Player(server) for server in servers]
    for player in players:  # the same revisions on both: their bytes are compared
        while player.revision < 10:
            player.revision = player.client.put(b"first").header.revision
            player.base = player.revision
    same(players[0].base, players[1].base)
    for number, (what, count) in enumerate(SCRIPT):
        for player in players:
            player.do(what)
        try:
            theirs, ours = (player.answers(count) for player in players)
        except Failure as reason:
            raise Failure(f"step {number}: {what!r}: {reason}") from None
        same(ours, theirs, f"step {number}: {what!r}")
        time.sleep(0.01)
    for player in players:
        player.stream.quiet(0.3)
        player.stream.close()
        player.client.channel.close()


def serve(scratch, *flags):
    server = scratch.server(*flags)
    server.start()
    return server


@test("a watch from the past, the present and the future gets every event once, in order")
def past_present_future(scratch):
    with serve(scratch).client() as c, Stream(c) as stream:
        for n in range(5):
            c.put(b"k", b"%d" % n)
        past = stream.create(b"k", start_revision=3, prev_kv=True)
        reply = stream.next()
        same((reply.watch_id, reply.header.revision), (past, 6))
        same([brief(e) for e in reply.events], ["+k@3", "+k@4", "+k@5", "+k@6"])
        same([e.prev_kv.value for e in reply.events], [b"0", b"1", b"2", b"3"])
        stream.send(cancel={"watch_id": past})
        check(stream.next().canceled)
        present = stream.create(b"k")
        future = stream.create(b"k", start_revision=8)
        c.put(b"k", b"5")
        reply = stream.next()
        same((reply.watch_id, brief(reply.events[0])), (present, "+k@7"))
        c.delete(b"k")
        same({stream.next().watch_id, stream.next().watch_id}, {present, future})
        stream.quiet()


@test("a client that resumes from where it was after the server was killed misses nothing")
def resumes_after_a_kill(scratch):
    server = serve(scratch)
    seen = []
    last = 1
    for life in range(4):
        with server.client() as c, Stream(c) as stream:
            stream.create(b"k/", range_end=b"k0", start_revision=last + 1)
            for n in range(50):
                c.put(b"k/%d" % n, b"%d" % life)
            found = stream.events(50 - life * 5)  # some are left for the next life
            seen += found
            last = int(found[-1].rsplit("@", 1)[1])
        server.kill()
        server.start()
    with server.client() as c, Stream(c) as stream:
        stream.create(b"k/", range_end=b"k0", start_revision=last + 1)
        seen += stream.events(200 - len(seen))
        stream.quiet()
    revisions = [int(event.rsplit("@", 1)[1]) for event in seen]
    same(revisions, list(range(2, 202)), "the revisions seen, in order")


@test("quiet watches that ask for it are told the revision, as often as the flag says")
def progress_notify(scratch):
    for flag in ("--watch-progress-notify-interval", "--experimental-watch-progress-notify-interval"):
        server = serve(scratch, flag, "200ms")
        with server.client() as c, Stream(c) as stream:
            asked = stream.create(b"a", progress_notify=True)
            stream.create(b"a")
            revision = c.put(b"b").header.revision
            while True:
                reply = stream.next()
                same((reply.watch_id, reply.events), (asked, []))
                if reply.header.revision == revision:
                    break
        server.stop()
        server.data += "2"


@test("a half-closed watch stream still hears; garbage on it ends it with INTERNAL")
def half_closed(scratch):
    with serve(scratch).client() as c:
        with Stream(c) as stream:
            stream.create(b"a")
            stream.half_close()
            time.sleep(0.05)
            c.put(b"a")
            same(stream.events(1), ["+a@2"])
        with Stream(c) as stream:
            stream.create(b"a")
            stream.requests.put(b"\xff\xff\xff")
            same(stream.raw(), None)
            garbage = "proto: cannot parse invalid wire-format data"
            same(
                (stream.error.code().name, stream.error.details()),
                ("INTERNAL", "grpc: failed to unmarshal the received message: " + garbage),
            )
        same(c.put(b"a").header.revision, 3)


@test("a watch stream's deadline ends it with DEADLINE_EXCEEDED")
def deadline(scratch):
    with serve(scratch).client() as c, Stream(c, timeout=0.5) as stream:
        stream.create(b"a")
        same(stream.raw(), None)
        same(stream.error.code().name, "DEADLINE_EXCEEDED")


@test("a client that never reads its watch costs a bounded amount, and misses nothing once it does")
def slow_reader(scratch):
    server = serve(scratch)
    value = os.urandom(100_000)
    puts = knob("MOAT_SLOW_PUTS", 1500)
    with server.client() as c:
        wire = h2.Wire(server.address, window=1000)
        request = REQUEST.encode(create={"key": b"k"})
        wire.send(h2.frame(h2.HEADERS, h2.END_HEADERS, 1, h2.grpc_headers(PATH)))
        wire.send(h2.data(1, h2.grpc_message(request), 0))
        c.put(b"k", value)
        before = server.anon_kb()
        for _ in range(puts):
            c.put(b"k", value)
        # The ring and the log may hold some 80 MB for a while on a slow disk; all events are more.
        grown = server.anon_kb() - before
        check(grown < 110_000, f"{grown} kB for {puts * 100} kB of events that nobody reads")
        with Stream(c) as stream:  # others are not held up
            stream.create(b"k", start_revision=2)
            same(len(stream.events(puts + 1)), puts + 1)
        wire.send(h2.frame(h2.WINDOW_UPDATE, 0, 1, struct.pack(">I", 1 << 30)))
        wire.send(h2.frame(h2.WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))
        body = b""
        seen = []
        while len(seen) < puts + 1:
            kind, _, number, payload = wire.read_frame()
            if kind == h2.DATA and number == 1:
                body += payload
            while len(body) >= 5 and len(body) >= 5 + struct.unpack(">I", body[1:5])[0]:
                size = struct.unpack(">I", body[1:5])[0]
                seen += [e.kv.mod_revision for e in RESPONSE.decode(body[5 : 5 + size]).events]
                body = body[5 + size :]
        same(seen, list(range(2, puts + 3)))
        wire.close()


@test("a watcher that fell behind a compaction is told which, and the others go on")
def slow_and_compacted(scratch):
    with serve(scratch).client() as c, Stream(c) as stream:
        for _ in range(20):
            c.put(b"k")
        c.compact(15, physical=True)
        same(stream.create(b"k", start_revision=14), 0)
        reply = stream.next()
        same((reply.canceled, reply.compact_revision, reply.watch_id), (True, 15, 0))
        same(reply.cancel_reason, "", "clients look at the number")
        stream.create(b"k", start_revision=15)
        same(stream.events(7)[0], "+k@15")


@test("ten thousand idle watches on ten streams cost 15 MB at most, and all get their event")
def many_watches(scratch):
    server = serve(scratch)
    with server.client() as c:
        c.put(b"k")
        before = server.anon_kb()
        streams = [Stream(c) for _ in range(10)]
        for n in range(1000):
            for i, stream in enumerate(streams):
                stream.send(create={"key": b"key/%d/%d" % (i, n)})
        for stream in streams:
            for _ in range(1000):
                check(stream.next().created)
        grown = server.anon_kb() - before
        check(grown <= 15_000, f"10,000 watches cost {grown} kB")
        for i, stream in enumerate(streams):
            c.put(b"key/%d/%d" % (i, i))
            same(stream.next().watch_id, i)
        for stream in streams:
            stream.close()
        wait_for(lambda: c.put(b"k").header.revision > 0, 5, "an answer")
        return f"{grown} kB"


# ---- etcdctl ----


class Ctl:
    """A watch of etcdctl's, in the background."""

    def __init__(self, program, server, *arguments):
        self.process = subprocess.Popen(
            [program, "--endpoints", server.address, "watch", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.PIPE,
            env={**plain_environment(), "ETCDCTL_API": "3"},
        )
        self.out = b""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.out += line

    def said(self, text):
        wait_for(lambda: text in self.out, 20, f"{text!r} in {self.out!r}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.reader.join(10)
        return self.out


def ctl_watches(scratch, program, notifies):
    server = serve(scratch, "--experimental-watch-progress-notify-interval", "100ms")
    with server.client() as c:
        c.put(b"k", b"1")
        c.put(b"k", b"2")
        c.put(b"k/a", b"3")
        watches = {
            "rev": Ctl(program, server, "--rev", "2", "k"),
            "prefix": Ctl(program, server, "--prefix", "--rev", "1", "k"),
            "prev": Ctl(program, server, "--prev-kv", "--rev", "3", "k"),
            "range": Ctl(program, server, "--rev", "1", "k", "k/b"),
        }
        if notifies:
            watches["progress"] = Ctl(program, server, "--progress-notify", "quiet")
            watches["progress"].said(b"progress notify: 4\n")
        watches["rev"].said(b"PUT\nk\n1\nPUT\nk\n2\n")
        watches["prefix"].said(b"PUT\nk\n1\nPUT\nk\n2\nPUT\nk/a\n3\n")
        watches["prev"].said(b"PUT\nk\n1\nk\n2\n")
        c.delete(b"k")
        c.put(b"k/a", b"4")
        watches["rev"].said(b"DELETE\nk\n\n")
        watches["prev"].said(b"DELETE\nk\n2\nk\n\n")
        watches["range"].said(b"DELETE\nk\n\nPUT\nk/a\n4\n")
        c.compact(c.put(b"k", b"5").header.revision)
        status, _, said = run(
            [program, "--endpoints", server.address, "watch", "--rev", "2", "k"],
            env={**plain_environment(), "ETCDCTL_API": "3"},
        )
        check(status != 0, "a compacted watch ends with an error")
        has(said.decode(), "required revision has been compacted")
        watches["rev"].said(b"PUT\nk\n5\n")
        for watch in watches.values():
            watch.stop()


@test("etcdctl 3.4 watches keys, prefixes and ranges, from a revision, with what was before")
def etcdctl_34(scratch):
    ctl_watches(scratch, peer("etcd-3.4/etcdctl", "etcdctl-3.4"), notifies=False)


@test("etcdctl 3.7 watches keys, prefixes and ranges, from a revision, with what was before")
def etcdctl_37(scratch):
    ctl_watches(scratch, peer("etcd-3.7/etcdctl"), notifies=True)
