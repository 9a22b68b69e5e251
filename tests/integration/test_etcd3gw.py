"""python3-etcd3gw, OpenStack's client of the JSON gateway, unchanged."""

import threading
import time

from harness import LeftOut, check, same, test


def client_of(scratch, *flags):
    try:
        import etcd3gw  # pylint: disable=import-outside-toplevel
    except ImportError:
        raise LeftOut("python3-etcd3gw is not installed") from None
    server = scratch.server(*flags)
    server.start()
    return etcd3gw.client(host="127.0.0.1", port=server.port, api_path="/v3/"), server


@test("etcd3gw puts, gets by prefix and order, replaces, and deletes")
def keys(scratch):
    client, _ = client_of(scratch)
    for i in range(5):
        same(client.put(f"k{i}", f"v{i}"), True)
    same(client.get("k1"), [b"v1"])
    same(client.get("k9"), [])
    pairs = client.get_prefix("k", sort_order="descend", sort_target="key")
    same([m["key"] for _, m in pairs], [b"k4", b"k3", b"k2", b"k1", b"k0"])
    same([v for v, _ in client.get_prefix("k")], [b"v0", b"v1", b"v2", b"v3", b"v4"])
    same(client.replace("k1", "v1", "new"), True)
    same(client.replace("k1", "v1", "other"), False)
    same(client.get("k1"), [b"new"])
    same(client.create("k1", "x"), False)
    same(client.create("k7", "x"), True)
    same(client.delete("k1"), True)
    same(client.delete("k1"), False)
    same(client.delete_prefix("k"), True)
    same(client.get_all(), [])


@test("etcd3gw runs a transaction, and asks for status and members")
def transaction(scratch):
    client, _ = client_of(scratch)
    client.put("a", "1")
    key, value = "YQ==", "MQ=="
    result = client.transaction(
        {
            "compare": [{"key": key, "result": "EQUAL", "target": "VALUE", "value": value}],
            "success": [{"request_put": {"key": key, "value": "Mg=="}}],
            "failure": [{"request_range": {"key": key}}],
        }
    )
    same(result["succeeded"], True)
    same(client.get("a"), [b"2"])
    status = client.status()
    same((status["version"], int(status["raftTerm"]) > 0), ("3.7.0", True))
    same(len(client.members()), 1)


def watch_some(client, begin, wanted):
    """Watch until so many events have come; begin is called when the watch is there."""
    found = []
    events, cancel = begin()
    for event in events:
        found.append((event.get("type", "PUT"), event["kv"]["key"]))
        if len(found) == wanted:
            break
    cancel()
    return found


@test("etcd3gw watches a key and a prefix, from now and from the past")
def watches(scratch):
    client, _ = client_of(scratch)
    client.put("w/0", "0")

    def later():
        time.sleep(0.5)
        client.put("w/1", "1")
        client.put("w/2", "x" * 100_000)
        client.delete("w/1")

    changes = threading.Thread(target=later)
    changes.start()
    found = watch_some(client, lambda: client.watch_prefix("w/"), 3)
    changes.join()
    same(found, [("PUT", b"w/1"), ("PUT", b"w/2"), ("DELETE", b"w/1")])
    found = watch_some(client, lambda: client.watch_prefix("w/", start_revision=2), 4)
    same(found[0], ("PUT", b"w/0"))
    changes = threading.Thread(target=later)
    changes.start()
    event = client.watch_once("w/1", timeout=10)
    changes.join()
    check(event["kv"]["key"] == b"w/1", event)
