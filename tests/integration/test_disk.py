"""No room left: on the disk, or under --quota-backend-bytes. Reads go on, and writes come back."""

import os
import time

from harness import check, run, same, test, wait_for

NO_SPACE = ("RESOURCE_EXHAUSTED", "etcdserver: mvcc: database space exceeded")
FULL_S_MAX = 60


def fill_disk(root):
    """Take all the room there is; return the file to remove."""
    path = os.path.join(root, "filler")
    with open(path, "wb", buffering=0) as f:
        for size in (1 << 20, 4096):
            try:
                while True:
                    f.write(b"\0" * size)
            except OSError:
                pass
    return path


def put_until_refused(client, acknowledged, value):
    end = time.monotonic() + FULL_S_MAX
    while time.monotonic() < end:
        key = b"k/%06d" % len(acknowledged)
        try:
            acknowledged[key] = client.put(key, value).header.revision
        except client.grpc.RpcError as error:
            return error.code().name, error.details()
    check(False, f"took {len(acknowledged)} puts, and the disk is full")


def must_hold(client, acknowledged, value):
    kvs = client.prefix(b"k/", timeout=60).kvs
    found = {kv.key: kv.mod_revision for kv in kvs}
    lost = [key for key, revision in acknowledged.items() if found.get(key) != revision]
    check(not lost, f"{len(lost)} acknowledged puts are gone, such as", lost[:3])
    check(all(kv.value == value for kv in kvs), "a value came back changed")


def can_put(client):
    try:
        return client.put(b"again", b"v")
    except client.grpc.RpcError:
        return None


def again_with_room(server, filler, acknowledged, value):
    os.remove(filler)
    with server.client() as c:
        wait_for(lambda: can_put(c), 15, "puts to work again without a restart")
        key = b"k/%06d" % len(acknowledged)
        acknowledged[key] = c.put(key, value).header.revision
        must_hold(c, acknowledged, value)


@test("a disk that fills up under it: puts are refused, reads go on, room brings puts back")
def full_disk(scratch):
    root = scratch.tmpfs("disk", "size=320m")
    server = scratch.server(data=root + "/data")
    server.start()
    value = os.urandom(800000)
    acknowledged = {}
    with server.client() as c:
        for n in range(5):
            acknowledged[b"k/%06d" % n] = c.put(b"k/%06d" % n, value).header.revision
        for _ in range(2):
            filler = fill_disk(root)
            same(put_until_refused(c, acknowledged, value), NO_SPACE)
            must_hold(c, acknowledged, value)
            server.logs("no_space")
            again_with_room(server, filler, acknowledged, value)
    server.kill()
    server.start()
    with server.client() as c:
        must_hold(c, acknowledged, value)
    return f"{len(acknowledged)} puts of {len(value)} bytes"


@test("a start on a disk that is full by now: reads go on, room brings puts back")
def start_on_full_disk(scratch):
    root = scratch.tmpfs("disk", "size=320m")
    server = scratch.server(data=root + "/data")
    server.start()
    value = os.urandom(800000)
    acknowledged = {}
    with server.client() as c:
        filler = fill_disk(root)
        same(put_until_refused(c, acknowledged, value), NO_SPACE)
    for way in (server.kill, server.stop):
        way()
        server.start()
        with server.client() as c:
            must_hold(c, acknowledged, value)
            same(c.refused(c.put, b"k/x", value), NO_SPACE)
    again_with_room(server, filler, acknowledged, value)


@test("a full disk: what frees room is still taken, and health tells")
def freeing(scratch):
    root = scratch.tmpfs("disk", "size=320m")
    server = scratch.server(data=root + "/data")
    server.start()
    with server.client() as c:
        for n in range(100):
            c.put(b"k/%d" % n, bytes(10000))
        filler = fill_disk(root)
        acknowledged = {}
        same(put_until_refused(c, acknowledged, os.urandom(300000)), NO_SPACE)
        same(c.status().errors, ["etcdserver: mvcc: database space exceeded"])
        check(c.delete(b"k/1").deleted == 1, "a delete is taken")
        c.compact(50)
        os.remove(filler)
        wait_for(lambda: can_put(c), 15, "puts to work again")
        wait_for(lambda: not c.status().errors, 5, "the status to be clean again")


@test("a full disk and a log without room: a request that timed out does not hold up the stop")
def stop_without_room(scratch):
    root = scratch.tmpfs("disk", "size=320m")
    server = scratch.server(data=root + "/data")
    server.start()
    value = os.urandom(800000)
    acknowledged = {}
    with server.client() as c:
        filler = fill_disk(root)
        same(put_until_refused(c, acknowledged, value), NO_SPACE)
        refusal = None
        while refusal is None:  # deletes are still taken: until the log's reserve is used up
            try:
                c.delete(os.urandom(1400000))
            except c.grpc.RpcError as error:
                refusal = error.code().name, error.details()
        same(refusal, ("UNAVAILABLE", "etcdserver: request timed out"))
        must_hold(c, acknowledged, value)
    server.stop()
    os.remove(filler)
    server.start()
    with server.client() as c:
        must_hold(c, acknowledged, value)
        check(can_put(c), "puts work again")


def full_to_the_brim(client):
    """Put the least there is until that is refused, too; then the status says it."""
    for size in (20000, 2000, 200, 0):
        try:
            while True:
                client.put(b"brim", bytes(size))
        except client.grpc.RpcError:
            pass
    return any("alarm:NOSPACE" in error for error in client.status().errors)


def curl_health(server):
    _, out, _ = run(["curl", "-s", "-w", "%{http_code}", server.url + "/health"])
    return int(out[-3:]), out[:-3].decode()


@test("a used-up quota: puts are refused, reads and deletes go on, delete and compact free it")
def quota(scratch):
    server = scratch.server("--quota-backend-bytes", str(16 << 20))
    server.start()
    value = os.urandom(100000)
    with server.client() as c:
        for round_number in range(3):
            acknowledged = {}
            same(put_until_refused(c, acknowledged, value), NO_SPACE)
            size = len(acknowledged) * len(value)
            check(
                (8 << 20) < size <= (16 << 20), f"round {round_number}: refused after {size} bytes"
            )
            must_hold(c, acknowledged, value)
            wait_for(lambda: full_to_the_brim(c), 20, "the status to say so")
            same(curl_health(server), (503, '{"health":"false","reason":"ALARM NOSPACE"}\n'))
            small = [{"put": {"key": b"s", "value": b"x" * 100000}}]
            same(c.refused(c.txn, success=small), NO_SPACE, "a txn that puts")
            same(c.delete(b"k/", range_end=b"k0").deleted, len(acknowledged))
            c.delete(b"brim")
            c.compact(c.range(b"x").header.revision, physical=True)
            same(c.refused(c.put, b"small"), NO_SPACE, "the alarm is not disarmed yet")
            disarm(c)
            wait_for(lambda: can_put(c), 15, "puts to work again without a restart")
        server.stop()
        server.start()
        wait_for(lambda: can_put(c), 15, "puts after a restart")
        status = c.status()
        check(status.db_size < 64 << 20, "the file stays near the quota:", status.db_size)


def disarm(client):
    """As etcdctl alarm disarm does it."""
    for alarm in client.call("/etcdserverpb.Maintenance/Alarm", action=0).alarms:
        client.call("/etcdserverpb.Maintenance/Alarm", action=2, member=alarm.member, alarm=alarm.alarm)


@test("a used-up quota's alarm stays over a restart; a larger quota and disarming it end it")
def larger_quota(scratch):
    server = scratch.server("--quota-backend-bytes", str(16 << 20))
    server.start()
    value = os.urandom(100000)
    acknowledged = {}
    with server.client() as c:
        same(put_until_refused(c, acknowledged, value), NO_SPACE)
    server.kill()
    server.start()
    with server.client() as c:
        must_hold(c, acknowledged, value)
        same(c.refused(c.put, b"more", value), NO_SPACE)
    server.stop()
    server.flags = ["--quota-backend-bytes", str(64 << 20)]
    server.start()
    with server.client() as c:
        same(c.refused(c.put, b"more", value), NO_SPACE, "the alarm is not disarmed yet")
        disarm(c)
        c.put(b"more", value)
        must_hold(c, acknowledged, value)
