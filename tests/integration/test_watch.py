"""Watches, as clients of etcd know them: what is said, when, and in which bytes."""

import os
import subprocess
import threading
import time

import h2
import pb
from harness import Failure, check, has, knob, plain_environment, peer, run, same, test, wait_for
from watching import NODELETE, NOPUT, RESPONSE, Etcd, Stream, brief

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
