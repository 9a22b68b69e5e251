"""The API as Google's gRPC library for Python speaks it: services, refusals, sizes, streams."""

import os
import socket
import stat
import threading
import time

import h2
import pb
from harness import Client, LeftOut, check, has, knob, same, test, wait_for

HEALTH = "/grpc.health.v1.Health/"
KV = "/etcdserverpb.KV/"
EQUAL, GREATER, LESS, NOT_EQUAL = range(4)
VERSION, CREATE, MOD, VALUE = range(4)
REQUEST_BYTES_MAX = 1536 << 10
MESSAGE_BYTES_MAX = REQUEST_BYTES_MAX + (512 << 10)


def serve(scratch, *flags):
    server = scratch.server(*flags)
    server.start()
    return server


@test("put, range, delete, txn and compact do what etcd's API says")
def kv_service(scratch):
    with serve(scratch).client() as c:
        same(c.put(b"k", b"1").header.revision, 2)
        reply = c.put(b"k", b"2", prev_kv=True)
        same((reply.prev_kv.value, reply.prev_kv.version, reply.header.revision), (b"1", 1, 3))
        kv = c.range(b"k").kvs[0]
        same((kv.value, kv.create_revision, kv.mod_revision, kv.version), (b"2", 2, 3, 2))
        same(c.range(b"k", revision=2).kvs[0].value, b"1")
        for n in range(10):
            c.put(b"n/%d" % n, b"%d" % (9 - n))
        page = c.prefix(b"n/", limit=3)
        same(
            ([kv.key for kv in page.kvs], page.more, page.count),
            ([b"n/0", b"n/1", b"n/2"], True, 10),
        )
        page = c.prefix(b"n/", sort_target=4, sort_order=1, limit=1)
        same(page.kvs[0].key, b"n/9", "the lowest value first")
        same(
            (c.prefix(b"n/", count_only=True).count, c.prefix(b"n/", count_only=True).kvs), (10, [])
        )
        same(c.delete(b"n/", range_end=pb.prefix_end(b"n/")).deleted, 10)
        same(c.delete(b"n/").header.revision, 14, "deleting nothing makes no revision")
        compare = [{"key": b"k", "target": VALUE, "result": EQUAL, "value": b"2"}]
        put = {"put": {"key": b"k", "value": b"3"}}
        inner = {"txn": {"success": [{"range": {"key": b"k"}}, {"put": {"key": b"t"}}]}}
        reply = c.txn(compare=compare, success=[put, inner], failure=[{"range": {"key": b"k"}}])
        check(reply.succeeded and len(reply.responses) == 2, reply)
        same(
            reply.responses[1].txn.responses[0].range.kvs[0].value, b"3", "a txn sees its own puts"
        )
        same(reply.header.revision, 15)
        reply = c.txn(compare=compare, success=[put], failure=[{"range": {"key": b"k"}}])
        same((reply.succeeded, reply.responses[0].range.kvs[0].mod_revision), (False, 15))
        same(c.compact(14, physical=True).header.revision, 15)
        same(
            c.refused(c.range, b"k", revision=13)[1],
            "etcdserver: mvcc: required revision has been compacted",
        )
        status = c.status()
        same((status.version, status.leader), ("3.7.0", status.header.member_id))


REFUSALS = [
    ("Range", {}, "INVALID_ARGUMENT", "etcdserver: key is not provided"),
    (
        "Range",
        {"key": b"a", "revision": 99},
        "OUT_OF_RANGE",
        "etcdserver: mvcc: required revision is a future revision",
    ),
    (
        "Range",
        {"key": b"a", "sort_order": 9},
        "INVALID_ARGUMENT",
        "etcdserver: invalid sort option",
    ),
    ("Put", {"value": b"v"}, "INVALID_ARGUMENT", "etcdserver: key is not provided"),
    (
        "Put",
        {"key": b"a", "value": b"v", "ignore_value": True},
        "INVALID_ARGUMENT",
        "etcdserver: value is provided",
    ),
    (
        "Put",
        {"key": b"a", "lease": 7, "ignore_lease": True},
        "INVALID_ARGUMENT",
        "etcdserver: lease is provided",
    ),
    (
        "Put",
        {"key": b"absent", "ignore_value": True},
        "INVALID_ARGUMENT",
        "etcdserver: key not found",
    ),
    ("Put", {"key": b"a", "lease": 7}, "NOT_FOUND", "etcdserver: requested lease not found"),
    ("DeleteRange", {}, "INVALID_ARGUMENT", "etcdserver: key is not provided"),
    (
        "Txn",
        {"success": [{"put": {"key": b"a"}}, {"put": {"key": b"a"}}]},
        "INVALID_ARGUMENT",
        "etcdserver: duplicate key given in txn request",
    ),
    (
        "Txn",
        {"success": [{"put": {"key": b"%d" % n}} for n in range(129)]},
        "INVALID_ARGUMENT",
        "etcdserver: too many operations in txn request",
    ),
    (
        "Compact",
        {"revision": 99},
        "OUT_OF_RANGE",
        "etcdserver: mvcc: required revision is a future revision",
    ),
]


@test("refusals have etcd's codes and texts")
def refusals(scratch):
    with serve(scratch).client() as c:
        for method, fields, code, text in REFUSALS:
            found = c.refused(c.call, KV + method, **fields)
            same(found, (code, text), f"{method} {fields}")
        same(c.put(b"a").header.revision, 2, "no refusal made a revision")


def nested(levels):
    """A put within so many transactions, the outermost included."""
    op = {"put": {"key": b"deep"}}
    for _ in range(levels - 1):
        op = {"txn": {"success": [op]}}
    return {"success": [op]}


@test("transactions nest 128 deep, as in etcd: each counts as one of --max-txn-ops")
def nesting(scratch):
    with serve(scratch).client() as c:
        too_many = ("INVALID_ARGUMENT", "etcdserver: too many operations in txn request")
        same(c.refused(c.txn, **nested(129)), too_many)
        reply = c.txn(**nested(128))
        same((reply.succeeded, reply.header.revision), (True, 2))
        same(c.range(b"deep").count, 1)


@test("unknown services, methods and bytes that are no message are refused by name")
def unknown(scratch):
    with serve(scratch).client() as c:
        for path, text in [
            ("/etcdserverpb.KV/Nope", "unknown method Nope for service etcdserverpb.KV"),
            ("/no.such.Service/Get", "unknown service no.such.Service"),
            ("/etcdserverpb.KV", 'malformed method name: "/etcdserverpb.KV"'),
        ]:
            same(c.refused(c.raw, path, b""), ("UNIMPLEMENTED", text), path)
        garbage = "grpc: error unmarshalling request: proto: cannot parse invalid wire-format data"
        for method in ("Range", "Put", "DeleteRange", "Txn", "Compact"):
            code, text = c.refused(c.raw, KV + method, b"\x0a\xff\xff")
            same((code, text), ("INTERNAL", garbage), method)
        user = "/etcdserverpb.Auth/UserGet"
        garbage = "grpc: error unmarshalling request: string field contains invalid UTF-8"
        same(c.refused(c.raw, user, b"\x0a\x01\xff"), ("INTERNAL", garbage), "not UTF-8")
        code, text = c.refused(c.raw, KV + "Put", b"x", compression=c.grpc.Compression.Gzip)
        same(code, "UNIMPLEMENTED")
        has(text, "grpc: Decompressor is not installed for grpc-encoding")
        c.put(b"still", b"there")


@test("the gRPC health service answers")
def health_service(scratch):
    with serve(scratch).client() as c:
        path = HEALTH + "Check"
        same(c.call(path).status, 1, "SERVING")
        same(c.refused(c.call, path, service="nope"), ("NOT_FOUND", "unknown service"))
        same(c.channel.unary_unary(HEALTH + "List")(b"", timeout=20), b"\n\4\x12\2\x08\1")
        for message, status in ((b"", b"\x08\1"), (b"\n\4nope", b"\x08\3")):
            watch = c.channel.unary_stream(HEALTH + "Watch")(message, timeout=20)
            same(next(watch), status, message)
            watch.cancel()


@test("a deadline ends a call on time, and a cancelled one leaves nothing behind")
def deadlines(scratch):
    server = serve(scratch)
    with server.client() as c:
        for n in range(300):
            c.put(b"fill/%d" % n, b"x" * 10000)
        # What the client gives up is not read on: whole answers would be 3 MB each.
        for n in range(50):
            future = c.method(KV + "Range").future(
                pb.RANGE.encode(key=b"\0", range_end=b"\0"), timeout=20
            )
            time.sleep(0.001 * (n % 5))
            future.cancel()
        for n in range(50):
            c.method(KV + "Put").future(pb.PUT.encode(key=b"p", value=b"v")).cancel()
        same(len(c.prefix(b"fill/", count_only=True).kvs), 0)
        server.must_live()
    # A call whose message never comes ends when its deadline says so.
    with h2.Wire(server.address) as wire:
        begun = time.monotonic()
        wire.send(wire.request(1, KV + "Put", headers=[(b"grpc-timeout", b"300m")], flags=0))
        found = wire.until(h2.HEADERS, stream=1, seconds=5)
        took = time.monotonic() - begun
        check(found and found[1] & h2.END_STREAM, "no status came:", found)
        check(0.25 < took < 3, "ended after", took, "s instead of 0.3 s")
    with h2.Wire(server.address) as wire:
        wire.send(wire.request(1, KV + "Put", headers=[(b"grpc-timeout", b"soon")], flags=0))
        check(wire.until(h2.HEADERS, stream=1, seconds=5), "a malformed timeout is refused")


@test("a request over 1.5 MiB is refused by etcd's text, a message over the limit by gRPC's")
def sizes(scratch):
    with serve(scratch).client() as c:
        fits = b"x" * (REQUEST_BYTES_MAX - 64)
        c.put(b"big", fits)
        same(c.value(b"big"), fits)
        same(
            c.refused(c.put, b"big", b"x" * REQUEST_BYTES_MAX),
            ("INVALID_ARGUMENT", "etcdserver: request is too large"),
        )
        code, text = c.refused(c.put, b"big", b"x" * MESSAGE_BYTES_MAX)
        same(code, "RESOURCE_EXHAUSTED")
        has(text, "grpc: received message larger than max (", f"vs. {MESSAGE_BYTES_MAX})")
        same(c.value(b"big"), fits, "a refused put changed nothing")
    with serve(
        scratch, "--max-request-bytes", "4000", "--data-dir", scratch.sub("two")
    ).client() as c:
        c.put(b"k", b"x" * 3900)
        same(c.refused(c.put, b"k", b"x" * 4000)[1], "etcdserver: request is too large")


class Sampler(threading.Thread):
    """Looks at a server's memory while something else goes on."""

    def __init__(self, server):
        super().__init__(daemon=True)
        self.server = server
        self.rss = self.anon = 0
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(0.01):
            self.rss = max(self.rss, self.server.rss_kb())
            self.anon = max(self.anon, self.server.anon_kb())

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.join()


@test("a large range is streamed: its answer never stands in memory")
def large_range(scratch):
    megabytes = knob("MOAT_BIG_MB", 50)
    server = serve(scratch)
    with server.client() as c:
        value = bytes(range(256)) * 400
        per_call = []
        for n in range(megabytes * 10):
            per_call.append(
                c.method(KV + "Put").future(pb.PUT.encode(key=b"b/%05d" % n, value=value))
            )
            if len(per_call) == 32:
                for future in per_call:
                    future.result()
                per_call.clear()
        for future in per_call:
            future.result()
    server.stop()
    server.start()
    with server.client() as c:
        same(c.prefix(b"b/", count_only=True).count, megabytes * 10)
        before = server.anon_kb()
        with Sampler(server) as memory:
            reply = c.prefix(b"b/", timeout=60)
        same((len(reply.kvs), reply.count), (megabytes * 10, megabytes * 10))
        check(all(kv.value == value for kv in reply.kvs), "values came back changed")
        grown = memory.anon - before
        bound = 8 << 10
        check(grown < bound, f"own memory grew by {grown} kB, which is more than {bound} kB")
        return f"{megabytes} MB; own memory +{grown} kB, VmRSS at most {memory.rss} kB"


@test("thousands of calls at once on a few connections are all answered, in order on each key")
def many_streams(scratch):
    server = serve(scratch)
    with server.client() as c:
        put = c.method(KV + "Put")
        futures = [put.future(pb.PUT.encode(key=b"s", value=b"%d" % n)) for n in range(3000)]
        revisions = sorted(future.result(30).header.revision for future in futures)
        same(revisions, list(range(2, 3002)), "each put has a revision of its own")
        same(c.range(b"s").kvs[0].version, 3000)
    clients = [Client(server.address) for _ in range(8)]
    get = pb.RANGE.encode(key=b"s")
    futures = [c.method(KV + "Range").future(get) for c in clients for _ in range(300)]
    check(all(f.result(30).kvs[0].version == 3000 for f in futures), "stale reads")
    for c in clients:
        c.channel.close()


@test("--max-concurrent-streams is announced and held")
def stream_limit(scratch):
    server = serve(scratch, "--max-concurrent-streams", "5")
    with h2.Wire(server.address) as wire:
        streams = range(1, 41, 2)
        wire.send(b"".join(wire.request(n, KV + "Put", flags=0) for n in streams))
        refused = 0
        try:
            while True:
                found = wire.read_frame(0.5)
                check(found is not None, "the connection was closed")
                refused += found[0] == h2.RST_STREAM and found[3][3] == h2.REFUSED_STREAM
        except TimeoutError:
            pass
        same(refused, len(streams) - 5, "streams beyond the limit are refused")
    with server.client() as c:
        c.put(b"k", b"v")


def accepts(path):
    with socket.socket(socket.AF_UNIX) as s:
        return s.connect_ex(path) == 0


@test("clients are served on a unix:// socket, which nobody else can open")
def unix_socket(scratch):
    path = scratch.sub("client.sock")
    if len(path) > 100:
        raise LeftOut("the temporary directory's name is too long for a socket")
    server = scratch.server()
    server.flags = ["--listen-client-urls", f"{server.url},unix://{path}"]
    server.flags += ["--advertise-client-urls", server.url]
    server.start()
    wait_for(lambda: accepts(path), 20, "the socket")
    same(oct(stat.S_IMODE(os.stat(path).st_mode)), "0o600")
    with Client("unix://" + path) as c, server.client() as tcp:
        c.put(b"over", b"a socket")
        same(tcp.value(b"over"), b"a socket")
    server.kill()
    server.start()
    wait_for(lambda: accepts(path), 20, "the socket")
    with Client("unix://" + path) as c:
        same(c.value(b"over"), b"a socket", "a socket file that a dead server left is replaced")
    server.stop()
    check(not os.path.exists(path), "the socket's file is still there after a clean stop")


@test("reads on a new connection see every write that was answered on another")
def read_your_writes(scratch):
    server = serve(scratch)
    writer, reader = h2.Calls(server.address), h2.Calls(server.address)
    for n in range(500):
        revision = writer.call(KV + "Put", key=b"k", value=b"%d" % n).header.revision
        kv = reader.call(KV + "Range", key=b"k").kvs[0]
        same((kv.value, kv.mod_revision), (b"%d" % n, revision))
    writer.close()
    reader.close()


def pinged(wire, seconds):
    """Answer PINGs for so long; how many came."""
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        try:
            kind, flags, _, payload = wire.read_frame(end - time.monotonic())
        except TimeoutError:
            break
        if kind == h2.PING and not flags & h2.ACK:
            count += 1
            wire.send(h2.frame(h2.PING, h2.ACK, 0, payload))
    return count


@test("--grpc-keepalive-*: a quiet connection is pinged, and a silent one closed")
def keepalive(scratch):
    server = serve(
        scratch, "--grpc-keepalive-interval", "500ms", "--grpc-keepalive-timeout", "1s"
    )
    with h2.Wire(server.address) as wire:
        wire.settle()
        check(2 <= pinged(wire, 3) <= 6, "PINGs in 3 s")
        wire.send(wire.request(1, KV + "Range", b"\x0a\x01a"))
        check(wire.until(h2.HEADERS, 1), "it is served as before")
    with h2.Wire(server.address) as wire:
        wire.settle()
        same(wire.ending(20), 0, "GOAWAY with NO_ERROR, and closed")


@test("--grpc-keepalive-min-time: who pings more often is sent away, as by etcd")
def too_many_pings(scratch):
    server = serve(scratch, "--grpc-keepalive-min-time", "10m")
    with h2.Wire(server.address) as wire:
        wire.settle()
        for _ in range(4):
            wire.send(h2.frame(h2.PING, 0, 0, b"12345678"))
        goaway = wire.until(h2.GOAWAY)
        same(goaway[3][4:8], b"\0\0\0\x0b", "ENHANCE_YOUR_CALM")
        same(goaway[3][8:], b"too_many_pings", "what grpc-go's clients look for")
