"""python3-etcd3gw: a client of the JSON gateway, as OpenStack uses it."""

import queue

from harness import check, same, test, wait_for
from setting import python_module

etcd3gw = python_module("etcd3gw")
EVENT_S_MAX = 30


def connect(server, api_path="/v3/"):
    return etcd3gw.Etcd3Client(host="127.0.0.1", port=server.port, api_path=api_path, timeout=20)


class Events:
    """A watch through the gateway: one JSON object for each chunk of the answer."""

    def __init__(self, client, key, **options):
        self.queue = queue.Queue()
        self.watcher = etcd3gw.watch.Watcher(client, key, self.queue.put, **options)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.watcher.stop()

    def next(self):
        return self.queue.get(timeout=EVENT_S_MAX)


@test("values, prefixes and orders")
def keys(scratch):
    client = connect(scratch.server())
    for number in range(5):
        same(client.put(f"k{number}", str(9 - number)), True)
    same(client.get("k1"), [b"8"])
    value, about = client.get("k1", metadata=True)[0]
    same((value, about["key"], about["version"], about["mod_revision"]), (b"8", b"k1", "1", "3"))
    same([value for value, _ in client.get_prefix("k")], [b"9", b"8", b"7", b"6", b"5"])
    ordered = client.get_prefix("k", sort_order="descend", sort_target="key")
    same([about["key"] for _, about in ordered], [b"k4", b"k3", b"k2", b"k1", b"k0"])
    client.put("binary", bytes(range(256)).decode("latin-1"))
    same(client.get("binary"), [bytes(range(256)).decode("latin-1").encode("latin-1")])
    client.put("empty", "")
    same(client.get("empty"), [b""])
    same(client.delete("k0"), True)
    same(client.delete("k0"), False)
    same(client.get("k0"), [])
    same(client.delete_prefix("k"), True)


@test("create and replace in transactions")
def transactions(scratch):
    client = connect(scratch.server())
    same(client.create("a", "1"), True)
    same(client.create("a", "2"), False)
    same(client.replace("a", "1", "2"), True)
    same(client.replace("a", "1", "3"), False)
    same(client.get("a"), [b"2"])


@test("leases by the paths of each version; keys go with a revoked and an expired one")
def leases(scratch):
    client = connect(scratch.server())
    lease, short = client.lease(60), client.lease(3)
    client.put("a", "1", lease=lease)
    client.put("short", "1", lease=short)
    check(0 < lease.ttl() <= 60, "remaining", lease.ttl())
    same(lease.keys(), [b"a"])
    same(lease.refresh(), 60)
    wait_for(lambda: client.get("short") == [], 20, "the end of the short lease")
    same(short.refresh(), -1)
    same(short.ttl(), -1)
    same(client.get("a"), [b"1"])
    same(lease.revoke(), True)
    same(client.get("a"), [])


@test("locks: one holder at a time")
def locks(scratch):
    server = scratch.server()
    client, other = connect(server), connect(server)
    with client.lock("doors", ttl=20) as lock:
        check(lock.is_acquired(), "the lock is not held")
        same(other.lock("doors", ttl=20).acquire(), False)
        same(lock.refresh(), 20)
    waiter = other.lock("doors", ttl=20)
    same(waiter.acquire(), True)
    same(waiter.release(), True)


@test("a watch gets each event in a chunk of its own, in order, also from the past")
def watches(scratch):
    client = connect(scratch.server())
    client.put("w/a", "1")
    # This client does not wait for a watch to be created: only a start revision misses nothing.
    past = {"range_end": "w0", "start_revision": 2, "prev_kv": True}
    with Events(client, "w/a", start_revision=3) as one, Events(
        client, "w/", **past
    ) as all_of_them:
        same(all_of_them.next()["kv"]["value"], b"1")
        # One by one: from a real etcd, events that gather beyond 2 kB come in two chunks.
        for number in range(2, 50):
            client.put("w/a", str(number))
            same(one.next()["kv"]["value"], str(number).encode())
            found = all_of_them.next()
            same((found["kv"]["value"], "prev_kv" in found), (str(number).encode(), True))
        client.delete("w/a")
        gone = one.next()
        same((gone["type"], gone["kv"]["key"], "value" in gone["kv"]), ("DELETE", b"w/a", False))


@test("a watch of many and large events brings them all")
def large_watch(scratch):
    scratch.not_on(
        "etcd-3.4", "cuts an object of more than 2 kB into two chunks, which ends the watch"
    )
    scratch.not_on(
        "etcd-3.7", "cuts an object of more than 2 kB into two chunks, which ends the watch"
    )
    client = connect(scratch.server())
    for number in range(200):
        client.put("w", f"{number} " + "x" * number * 100)
    with Events(client, "w", start_revision=2) as events:
        found = [events.next()["kv"]["value"].split()[0] for _ in range(200)]
        same(found, [str(number).encode() for number in range(200)])


@test("watch_once brings one event, or says that none came")
def watch_once(scratch):
    client = connect(scratch.server())
    client.put("a", "1")
    same(client.watch_once("a", timeout=EVENT_S_MAX, start_revision=1)["kv"]["value"], b"1")
    try:
        client.watch_once("a", timeout=0.2)
        check(False, "an event came from nowhere")
    except etcd3gw.exceptions.WatchTimedOut:
        pass


@test("status and members; the older path /v3beta/ does the same")
def about_the_server(scratch):
    server = scratch.server("--name", "one")
    client = connect(server)
    status = client.status()
    same(status["leader"], status["header"]["member_id"])
    check(int(status["dbSize"]) > 0 and int(status["raftIndex"]) > 0, "status", status)
    same([(m["name"], m["clientURLs"]) for m in client.members()], [("one", [server.url])])
    scratch.not_on("etcd-3.7", "has no /v3beta/ any more")
    older = connect(server, "/v3beta/")
    older.put("a", "1")
    same(older.get("a"), [b"1"])
