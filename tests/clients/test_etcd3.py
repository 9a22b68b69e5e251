"""python3-etcd3: the most used client of Python, over gRPC."""

import hashlib
import io
import queue
import threading

from harness import Failure, check, same, test, wait_for
from setting import python_module

etcd3 = python_module("etcd3")
EVENT_S_MAX = 30

# Its thread for watches dies loudly when the client is closed.
threading.excepthook = lambda _: None


def connect(server, **options):
    return etcd3.client(host="127.0.0.1", port=server.port, timeout=20, **options)


def log_in(server, user, password):
    client = connect(server, user=user, password=password)
    # Over plaintext, gRPC's library refuses these; the token travels in the metadata as well.
    client.call_credentials = client.watcher._credentials = None
    return client


def raises(kind, call, *arguments, **options):
    """Make a call that must raise an exception of this kind; return it."""
    try:
        found = call(*arguments, **options)
    except kind as error:
        return error
    raise Failure(f"was answered, and must raise {kind.__name__}: {found!r}")


class Events:
    """What a watch brings, one event at a time."""

    def __init__(self, client, key, **options):
        self.responses = queue.Queue()
        self.waiting = []
        self.id = client.add_watch_callback(key, self.responses.put, **options)

    def response(self):
        found = self.responses.get(timeout=EVENT_S_MAX)
        if isinstance(found, Exception):
            raise found
        return found

    def next(self):
        while not self.waiting:
            self.waiting = list(self.response().events)
        return self.waiting.pop(0)


@test("values, prefixes, ranges and orders")
def keys(scratch):
    with connect(scratch.server()) as client:
        for number in range(5):
            client.put(f"/k/{number}", str(9 - number))
        value, about = client.get("/k/1")
        same((value, about.key, about.version, about.mod_revision), (b"8", b"/k/1", 1, 3))
        same([value for value, _ in client.get_prefix("/k/")], [b"9", b"8", b"7", b"6", b"5"])
        ordered = client.get_prefix("/k/", sort_order="ascend", sort_target="value")
        same([about.key for _, about in ordered], [b"/k/4", b"/k/3", b"/k/2", b"/k/1", b"/k/0"])
        same([value for value, _ in client.get_range("/k/1", "/k/3")], [b"8", b"7"])
        same(len(list(client.get_all())), 5)
        same([about.key for _, about in client.get_prefix("/k/", keys_only=True)][0], b"/k/0")
        same(client.put("/k/0", "new", prev_kv=True).prev_kv.value, b"9")
        same(client.delete("/k/0", prev_kv=True, return_response=True).prev_kvs[0].value, b"new")
        same(client.delete("/k/0"), False)
        same(client.get("/k/0"), (None, None))
        same(client.delete_prefix("/k/").deleted, 4)
        same(client.get_response("/k/1", serializable=True).count, 0)


@test("transactions, put_if_not_exists, replace and compaction")
def transactions(scratch):
    with connect(scratch.server()) as client:
        same(client.put_if_not_exists("a", "1"), True)
        same(client.put_if_not_exists("a", "2"), False)
        same(client.replace("a", "1", "2"), True)
        same(client.replace("a", "1", "3"), False)
        tx = client.transactions
        done, found = client.transaction(
            compare=[
                tx.value("a") == "2",
                tx.version("a") > 1,
                tx.create("b") == 0,
                tx.mod("a") < 9,
            ],
            success=[tx.put("b", "1"), tx.get("b"), tx.delete("a")],
            failure=[tx.get("a")],
        )
        same((done, found[1][0][0]), (True, b"1"))
        done, found = client.transaction([tx.version("a") > 0], [], [tx.get("b")])
        same((done, found[0][0][0]), (False, b"1"))
        revision = client.get_response("b").header.revision
        client.compact(revision, physical=True)
        same(client.get("b")[0], b"1")


@test("watches: from now, from the past, of a prefix; many on one stream; cancel")
def watches(scratch):
    with connect(scratch.server()) as client:
        client.put("w/a", "1")
        one = Events(client, "w/a")
        past = Events(client, "w/", range_end="w0", start_revision=2, prev_kv=True)
        same([one.id, past.id], [0, 1])
        client.put("w/a", "2")
        client.put("w/b", "3")
        client.delete("w/a")
        same([one.next().value for _ in range(2)], [b"2", b""])
        found = [past.next() for _ in range(4)]
        same(
            [(event.key, event.value) for event in found],
            [(b"w/a", b"1"), (b"w/a", b"2"), (b"w/b", b"3"), (b"w/a", b"")],
        )
        same([event.prev_value for event in found], [b"", b"1", b"", b"2"])
        check(isinstance(found[3], etcd3.events.DeleteEvent), "the last event is", found[3])
        client.cancel_watch(one.id)
        client.put("w/a", "4")
        same(past.next().value, b"4")
        check(one.responses.empty(), "an event came after the cancel")


@test("a watch of compacted revisions raises, with the revision to go on from")
def watch_compacted(scratch):
    with connect(scratch.server()) as client:
        for number in range(5):
            client.put("a", str(number))
        client.compact(5)
        error = raises(
            etcd3.exceptions.RevisionCompactedError, Events(client, "a", start_revision=2).response
        )
        same(error.compacted_revision, 5)
        same(Events(client, "a", start_revision=5).next().value, b"3")


@test("watch_once, watch_prefix and their iterators end when they are cancelled")
def watch_iterators(scratch):
    with connect(scratch.server()) as client:
        raises(etcd3.exceptions.WatchTimedOut, client.watch_once, "a", timeout=0.1)
        events, cancel = client.watch_prefix("p/")
        for number in range(100):
            client.put(f"p/{number}", "x")
        same(
            [next(events).key for _ in range(100)],
            [f"p/{number}".encode() for number in range(100)],
        )
        cancel()
        same(list(events), [])


@test("leases: keys go with a revoked or expired lease, and stay while it is refreshed")
def leases(scratch):
    with connect(scratch.server()) as client:
        lease, short = client.lease(60), client.lease(3)
        client.put("a", "1", lease=lease)
        client.put("short", "1", lease=short)
        same(lease.granted_ttl, 60)
        check(0 < lease.remaining_ttl <= 60, "remaining", lease.remaining_ttl)
        same(list(lease.keys), [b"a"])
        same(lease.refresh()[0].TTL, 60)
        wait_for(lambda: client.get("short")[0] is None, 20, "the end of the short lease")
        same(client.get("a")[0], b"1")
        lease.revoke()
        same(client.get("a")[0], None)
        same(client.get_lease_info(lease.id).TTL, -1)
        same(client.lease(30, lease_id=1234).id, 1234)


@test("a lock is held, refreshed and released, and another client sees that")
def locks(scratch):
    server = scratch.server()
    with connect(server) as client, connect(server) as other:
        with client.lock("doors", ttl=20) as lock:
            check(lock.is_acquired(), "the lock is not held")
            same(other.lock("doors").is_acquired(), False)
            same(lock.refresh()[0].TTL, 20)
        # Waiting for a lock fails inside of this client with the tenacity of today.
        same(other.lock("doors", ttl=20).acquire(), True)
        same(lock.release(), False)


@test("status, members, alarms, hash, defragment and snapshot")
def maintenance(scratch):
    server = scratch.server("--name", "one")
    with connect(server) as client:
        client.put("a", "1" * 1000)
        status = client.status()
        check(
            status.db_size > 0 and status.raft_index > 0 and status.raft_term > 0, "status", status
        )
        same(status.leader.name, "one")
        members = list(client.members)
        same([(m.name, list(m.client_urls)) for m in members], [("one", [server.url])])
        same(list(members[0].active_alarms), [])
        same(len(client.create_alarm()), 1)
        error = raises(Exception, client.put, "b", "1")
        check("database space exceeded" in str(error.details()), "refused with", error)
        same(len(list(client.list_alarms())), 1)
        same(len(client.disarm_alarm()), 1)
        same(list(client.list_alarms()), [])
        client.put("b", "1")
        check(client.hash() != 0, "the hash is zero")
        client.defragment()
        file = io.BytesIO()
        client.snapshot(file)
        content = file.getvalue()
        same(len(content) % 512, 32, "the snapshot's length")
        same(hashlib.sha256(content[:-32]).digest(), content[-32:], "the snapshot's hash")


@test("a name and a password, on a server with auth on")
def login(scratch):
    server = scratch.server()
    with connect(server) as client:
        rpc = etcd3.etcdrpc
        auth = rpc.AuthStub(client.channel)
        auth.UserAdd(rpc.AuthUserAddRequest(name="root", password="secret"))
        auth.RoleAdd(rpc.AuthRoleAddRequest(name="root"))
        auth.UserGrantRole(rpc.AuthUserGrantRoleRequest(user="root", role="root"))
        auth.UserAdd(rpc.AuthUserAddRequest(name="ann", password="pw"))
        auth.AuthEnable(rpc.AuthEnableRequest())
        raises(Exception, client.put, "a", "1")
    with log_in(server, "root", "secret") as client:
        client.put("a", "1")
        same(client.get("a")[0], b"1")
        same(Events(client, "a", start_revision=1).next().value, b"1")
    with log_in(server, "ann", "pw") as client:
        error = raises(Exception, client.put, "a", "1")
        check("permission denied" in str(error.details()), "refused with", error)
    raises(Exception, log_in, server, "ann", "wrong")
