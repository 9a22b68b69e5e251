"""python3-tooz: OpenStack's locks, groups and members, over the JSON gateway and over gRPC."""

import warnings

from harness import check, same, test, wait_for
from setting import python_module

coordination = python_module("tooz.coordination")
etcd3gw = python_module("etcd3gw")
python_module("etcd3")

warnings.filterwarnings("ignore", module="tooz")

# In Debian 12, tooz gives client() an argument that only the class knows.
etcd3gw.client = etcd3gw.Etcd3Client


class Coordinator:
    """A member of tooz, joined to the server for the length of a with."""

    def __init__(self, server, member, scheme, **options):
        url = f"{scheme}://{server.address}"
        given = {"api_version": "v3", "timeout": 20, **options}
        if scheme == "etcd3":
            given.pop("api_version")
        self.tooz = coordination.get_coordinator(url, member, **given)

    def __enter__(self):
        self.tooz.start(start_heart=True)
        return self.tooz

    def __exit__(self, *_):
        self.tooz.stop()


def raises(kind, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except kind:
        return
    check(False, f"it must raise {kind.__name__}")


def for_each_scheme(sentence):
    """Register a check twice: over the gateway and over gRPC."""

    def register(function):
        for scheme, name in (("etcd3+http", "gateway"), ("etcd3", "gRPC")):
            test(f"{sentence} ({name})")(lambda scratch, s=scheme: function(scratch, s))

    return register


@test("a lock has one holder, can be waited for and is broken by force (gateway)")
def locks(scratch):
    server, scheme = scratch.server(), "etcd3+http"
    with Coordinator(server, b"a", scheme) as first, Coordinator(server, b"b", scheme) as second:
        lock, other = first.get_lock(b"doors"), second.get_lock(b"doors")
        with lock:
            check(lock.acquired, "the lock is not held")
            same(other.acquire(blocking=False), False)
            same(lock.heartbeat(), True)
        same(other.acquire(blocking=20), True)
        same(lock.acquire(blocking=False), False)
        same(other.release(), True)
        same(lock.acquire(blocking=False), True)
        same(other.break_(), True)
        same(lock.release(), False)


@test("a lock is taken, kept alive and released (gRPC)")
def grpc_locks(scratch):
    server, scheme = scratch.server(), "etcd3"
    with Coordinator(server, b"a", scheme) as first, Coordinator(server, b"b", scheme) as second:
        lock, other = first.get_lock(b"doors"), second.get_lock(b"doors")
        with lock:
            check(lock.acquired, "the lock is not held")
            same(lock.heartbeat(), True)
        same(other.acquire(blocking=False), True)
        same(lock.release(), False)
        same(other.release(), True)


@for_each_scheme("groups are made, joined, listed, left and removed")
def groups(scratch, scheme):
    server = scratch.server()
    with Coordinator(server, b"a", scheme) as first, Coordinator(server, b"b", scheme) as second:
        first.create_group(b"crew").get(20)
        raises(coordination.GroupAlreadyExist, second.create_group(b"crew").get, 20)
        first.join_group(b"crew", b"cook").get(20)
        second.join_group(b"crew", b"mate").get(20)
        raises(coordination.MemberAlreadyExist, first.join_group(b"crew").get, 20)
        same(set(first.get_members(b"crew").get(20)), {b"a", b"b"})
        same(first.get_member_capabilities(b"crew", b"b").get(20), b"mate")
        second.update_capabilities(b"crew", b"captain").get(20)
        same(first.get_member_capabilities(b"crew", b"b").get(20), b"captain")
        raises(coordination.GroupNotEmpty, first.delete_group(b"crew").get, 20)
        first.leave_group(b"crew").get(20)
        second.leave_group(b"crew").get(20)
        first.delete_group(b"crew").get(20)
        raises(coordination.GroupNotCreated, first.get_members(b"crew").get, 20)


@test("a member whose heart stops leaves its group when its lease ends")
def membership(scratch):
    server = scratch.server()
    with Coordinator(server, b"a", "etcd3+http") as first:
        first.create_group(b"crew").get(20)
        first.join_group(b"crew").get(20)
        other = coordination.get_coordinator(
            f"etcd3+http://{server.address}",
            b"b",
            api_version="v3",
            timeout=20,
            membership_timeout=4,
        )
        other.start()
        other.join_group(b"crew").get(20)
        same(set(first.get_members(b"crew").get(20)), {b"a", b"b"})
        wait_for(lambda: first.get_members(b"crew").get(20) == {b"a"}, 20, "its lease's end")
