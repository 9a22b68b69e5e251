"""Stopping and starting again."""

import signal
import time

import h2
import pb
from harness import check, percentile, same, test

PUT = "/etcdserverpb.KV/Put"


def fill(server, count, size=100):
    """Put so many keys, 64 at a time; return the last revision."""
    calls = h2.Calls(server.address)
    value = b"v" * size
    begun = ended = revision = 0
    while ended < count:
        out = b""
        while begun < count and begun - ended < 64:
            out += calls.frames(PUT, pb.PUT.encode(key=b"key/%06d" % begun, value=value))[1]
            begun += 1
        calls.wire.send(out)
        reply = calls.ended()[1]
        check(reply is not None, "a put was refused")
        revision = max(revision, pb.PUT_REPLY.decode(reply).header.revision)
        ended += 1
    calls.close()
    return revision


@test("a start on an empty directory, and one on 20,000 keys")
def start_time(scratch):
    server = scratch.server()
    empty = server.start()
    revision = fill(server, 20000)
    stopped = server.stop()
    full = server.start()
    with server.client() as c:
        found = c.prefix(b"key/", count_only=True)
        same((found.count, found.header.revision), (20000, revision))
    server.kill()
    killed = server.start()
    with server.client() as c:
        same(c.prefix(b"key/", count_only=True).count, 20000)
    worst = max(empty, full, killed)
    check(worst < 10, f"a start took {worst:.1f} s")
    return (
        f"empty {empty * 1000:.0f} ms, stopped in {stopped * 1000:.0f} ms, then "
        f"{full * 1000:.0f} ms, after kill -9 {killed * 1000:.0f} ms"
    )


@test("SIGTERM and SIGINT end it with status 0 under load, and lose nothing")
def signals(scratch):
    server = scratch.server()
    kept = 0
    for number in (signal.SIGTERM, signal.SIGINT):
        server.start()
        calls = h2.Calls(server.address)
        for n in range(200):
            calls.begin(PUT, pb.PUT.encode(key=b"%d/%d" % (number, n), value=b"v"))
        answered = set()
        for _ in range(50):
            stream, reply = calls.ended()
            check(reply is not None, "a put was refused before the signal")
            answered.add((stream - 1) // 2)
        took = server.stop(number)
        check(took < 10, f"it took {took:.1f} s to stop")
        try:
            while True:
                stream, reply = calls.ended()
                if reply is not None:
                    answered.add((stream - 1) // 2)
        except (ConnectionError, TimeoutError):
            pass
        calls.close()
        server.start()
        with server.client() as c:
            found = {kv.key for kv in c.prefix(b"%d/" % number).kvs}
        lost = {b"%d/%d" % (number, n) for n in answered} - found
        check(not lost, "acknowledged, and gone:", sorted(lost)[:5])
        kept += len(answered)
        server.stop()
    return f"{kept} acknowledged"


@test("a second signal during the stop, and a stop right after the start, do no harm")
def early_signals(scratch):
    server = scratch.server()
    for delay in (0.0, 0.002, 0.005, 0.01, 0.02, 0.05):
        server.spawn()
        time.sleep(delay)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.001)
        server.process.send_signal(signal.SIGTERM)
        status = server.process.wait(20)
        check(status in (0, -signal.SIGTERM), f"after {delay} s: status {status}\n{server.log()}")
    server.start()
    with server.client() as c:
        c.put(b"k", b"v")
    server.stop()
    server.start()
    with server.client() as c:
        same(c.value(b"k"), b"v")


@test("revisions, versions and history are the same after a restart")
def history(scratch):
    server = scratch.server()
    server.start()
    with server.client() as c:
        for n in range(50):
            c.put(b"a", b"%d" % n)
            c.put(b"b/%d" % (n % 7), b"%d" % n)
            if n % 10 == 9:
                c.delete(b"b/%d" % (n % 7))
        c.compact(30)
        top = c.range(b"a").header.revision

        def all_of_it(client):
            return [
                client.range(b"\0", range_end=b"\0", revision=at).kvs for at in range(30, top + 1)
            ]

        before = all_of_it(c)
    for way in (server.stop, server.kill):
        way()
        server.start()
        with server.client() as c:
            same(all_of_it(c), before, "after " + way.__name__)
            same(
                c.refused(c.range, b"a", revision=29)[1],
                "etcdserver: mvcc: required revision has been compacted",
            )
            same(c.range(b"a").header.revision, top)
    with server.client() as c:
        same(c.put(b"a").header.revision, top + 1)


@test("a put on one connection at a time takes as long as the disk, and no timer more")
def put_time(scratch):
    server = scratch.server()
    server.start()
    calls = h2.Calls(server.address)
    times = []
    for _ in range(200):
        begun = time.monotonic()
        calls.call(PUT, key=b"k", value=b"v")
        times.append(time.monotonic() - begun)
    calls.close()
    median = percentile(times, 50) * 1000
    check(median < 100, f"the median put takes {median:.1f} ms")
    return f"median {median:.2f} ms, p99 {percentile(times, 99) * 1000:.2f} ms"
