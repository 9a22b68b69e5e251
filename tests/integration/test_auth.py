"""Users, roles, permissions and tokens: the same script against moat and etcd 3.7, and what only
moat promises: nothing secret where it does not belong, and who may do what after a restart."""

import os
import re
import subprocess

import pb
from harness import Client, check, free_port, has, peer, run, same, test, wait_for

AUTH = "/etcdserverpb.Auth/"
KV = "/etcdserverpb.KV/"
MAINTENANCE = "/etcdserverpb.Maintenance/"
CLUSTER = "/etcdserverpb.Cluster/"
READ, WRITE, BOTH = 0, 1, 2
CHEAP = "--bcrypt-cost=4"


def perm(kind, key, range_end=b""):
    return {"type": kind, "key": key, "range_end": range_end}


class Session:
    """Calls on one server, as several users; the outcome as something to compare."""

    def __init__(self, address):
        self.client = Client(address)
        self.tokens = {}

    def raw(self, path, message=b"", token=None, name="token"):
        metadata = ((name, token),) if token is not None else ()
        try:
            reply = self.client.raw(path, message, metadata=metadata)
        except self.client.grpc.RpcError as error:
            self.trailers = dict(error.trailing_metadata() or ())
            return error.code().name, error.details()
        reply.__dict__.pop("header", None)
        return "OK", reply

    def __call__(self, user, path, /, **fields):
        token = self.tokens.get(user, user and "bad.token") if user else None
        return self.raw(path, pb.METHODS[path][0].encode(**fields), token)

    def login(self, name, password):
        code, reply = self(None, AUTH + "Authenticate", name=name, password=password)
        if code != "OK":
            return code, reply
        self.tokens[name] = reply.token
        return "OK", None

    def good(self, user, path, /, **fields):
        code, reply = self(user, path, **fields)
        same(code, "OK", f"{path} {fields} by {user}: {reply}")
        return reply


def etcd_37(scratch, *flags):
    program = peer("etcd-3.7/etcd")
    url, peer_url = f"http://127.0.0.1:{free_port()}", f"http://127.0.0.1:{free_port()}"
    with open(scratch.sub("etcd-log"), "wb") as log:
        process = subprocess.Popen(
            [program, "--data-dir", scratch.sub("etcd"), "--listen-client-urls", url]
            + ["--advertise-client-urls", url, "--listen-peer-urls", peer_url]
            + ["--initial-advertise-peer-urls", peer_url, "--unsafe-no-fsync"]
            + ["--initial-cluster", f"default={peer_url}", *flags],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    scratch.servers.append(Bystander(process))

    def up():
        check(process.poll() is None, "etcd ended; see", log.name)
        return run(["curl", "-sf", url + "/health"])[0] == 0

    wait_for(up, 20, "etcd")
    return url.removeprefix("http://")


class Bystander:
    """Another program's server, for a Scratch to end."""

    def __init__(self, process):
        self.process = process

    def kill(self):
        self.process.kill()
        self.process.wait()

    @staticmethod
    def log():
        return ""


def every_auth_call(user):
    """Each method of the Auth service once, with names that there are not."""
    return [
        (user, AUTH + "AuthStatus", {}),
        (user, AUTH + "UserGet", {"name": "nobody"}),
        (user, AUTH + "UserGet", {"name": ""}),
        (user, AUTH + "UserGet", {"name": "alice"}),
        (user, AUTH + "UserGet", {"name": "root"}),
        (user, AUTH + "UserList", {}),
        (user, AUTH + "UserDelete", {"name": "nobody"}),
        (user, AUTH + "UserDelete", {"name": ""}),
        (user, AUTH + "UserChangePassword", {"name": "nobody", "password": "x"}),
        (user, AUTH + "UserGrantRole", {"user": "nobody", "role": "reader"}),
        (user, AUTH + "UserGrantRole", {"user": "nobody", "role": "norole"}),
        (user, AUTH + "UserGrantRole", {"user": "alice", "role": "norole"}),
        (user, AUTH + "UserGrantRole", {"user": "alice", "role": ""}),
        (user, AUTH + "UserRevokeRole", {"name": "nobody", "role": "reader"}),
        (user, AUTH + "UserRevokeRole", {"name": "alice", "role": "norole"}),
        (user, AUTH + "RoleGet", {"role": "norole"}),
        (user, AUTH + "RoleGet", {"role": "reader"}),
        (user, AUTH + "RoleGet", {"role": "root"}),
        (user, AUTH + "RoleList", {}),
        (user, AUTH + "RoleDelete", {"role": "norole"}),
        (user, AUTH + "RoleAdd", {"name": ""}),
        (user, AUTH + "RoleAdd", {"name": "reader"}),
        (user, AUTH + "RoleGrantPermission", {"name": "reader"}),
        (user, AUTH + "RoleGrantPermission", {"name": "norole"}),
        (user, AUTH + "RoleGrantPermission", {"name": "norole", "perm": perm(READ, b"k")}),
        (user, AUTH + "RoleGrantPermission", {"name": "norole", "perm": perm(READ, b"z", b"a")}),
        (user, AUTH + "RoleGrantPermission", {"name": "reader", "perm": perm(READ, b"z", b"z")}),
        (user, AUTH + "RoleGrantPermission", {"name": "reader", "perm": perm(READ, b"", b"\0")}),
        (user, AUTH + "RoleRevokePermission", {"role": "norole", "key": b"k"}),
        (user, AUTH + "RoleRevokePermission", {"role": "reader", "key": b"nokey"}),
        (user, AUTH + "UserAdd", {"name": "", "password": "x"}),
        (user, AUTH + "UserAdd", {"name": "alice", "password": "x"}),
        (user, AUTH + "UserAdd", {"name": "long", "password": "x" * 73}),
        (user, AUTH + "UserChangePassword", {"name": "alice", "hashed_password": "not base64!"}),
    ]


def every_other_call(user):
    """What each of the other services says to a user."""
    deep = {"range": {"key": b"secret"}}
    for _ in range(3):
        deep = {"txn": {"failure": [deep]}}
    return [
        (user, KV + "Range", {"key": b"public/1"}),
        (user, KV + "Range", {"key": b"public/", "range_end": b"public0"}),
        (user, KV + "Range", {"key": b"public/", "range_end": b"q"}),
        (user, KV + "Range", {"key": b"public/", "range_end": b"\0"}),
        (user, KV + "Range", {"key": b"secret"}),
        (user, KV + "Range", {"key": b"secret", "serializable": True}),
        (user, KV + "Range", {"key": b"\0", "range_end": b"\0"}),
        (user, KV + "Range", {"key": b"public/2", "range_end": b"public/1"}),
        (user, KV + "Range", {"key": b"secret", "range_end": b"a"}),
        (user, KV + "Range", {"key": b"secret", "revision": 999999}),
        (user, KV + "Put", {"key": b"inbox/1", "value": b"x"}),
        (user, KV + "Put", {"key": b"inbox/1", "value": b"x", "prev_kv": True}),
        (user, KV + "Put", {"key": b"public/1", "value": b"x"}),
        (user, KV + "Put", {"key": b"both/1", "value": b"x", "prev_kv": True}),
        (user, KV + "Put", {"key": b"secret", "ignore_value": True}),
        (user, KV + "DeleteRange", {"key": b"inbox/1"}),
        (user, KV + "DeleteRange", {"key": b"inbox/1", "prev_kv": True}),
        (user, KV + "DeleteRange", {"key": b"both/", "range_end": b"both0", "prev_kv": True}),
        (user, KV + "DeleteRange", {"key": b"both/", "range_end": b"\0"}),
        (user, KV + "Txn", {"success": [{"put": {"key": b"inbox/2", "prev_kv": True}}]}),
        (user, KV + "Txn", {"success": [{"put": {"key": b"inbox/2"}}]}),
        (user, KV + "Txn", {"success": [{"range": {"key": b"public/1"}}]}),
        (user, KV + "Txn", {"success": [{"range": {"key": b"secret"}}]}),
        (user, KV + "Txn", {"failure": [{"range": {"key": b"secret"}}]}),
        (user, KV + "Txn", {"compare": [{"key": b"secret", "target": 0}]}),
        (user, KV + "Txn", {"compare": [{"key": b"public/", "range_end": b"\0"}]}),
        (user, KV + "Txn", {"success": [deep]}),
        (user, KV + "Txn", {"success": [{"delete_range": {"key": b"inbox/2", "prev_kv": True}}]}),
        (user, KV + "Compact", {"revision": 1 << 40}),
        (user, MAINTENANCE + "Alarm", {}),
        (user, MAINTENANCE + "Alarm", {"action": 2, "alarm": 1}),
        (user, MAINTENANCE + "HashKV", {"revision": 1}),
        (user, MAINTENANCE + "MoveLeader", {"target": 77}),
        (user, CLUSTER + "MemberRemove", {"id": 77}),
        (user, CLUSTER + "MemberPromote", {"id": 77}),
    ]


def script():
    """(user, path, fields); a path of None logs in."""
    yield from every_auth_call(None)
    yield None, AUTH + "AuthEnable", {}
    yield None, AUTH + "AuthDisable", {}
    yield None, AUTH + "Authenticate", {"name": "root", "password": "x"}
    for name in ("root", "alice", "bob", "née"):
        yield None, AUTH + "UserAdd", {"name": name, "password": name + "-pw"}
    yield None, AUTH + "UserChangePassword", {"name": "alice", "password": "alice-pw"}
    yield None, AUTH + "AuthEnable", {}
    yield None, AUTH + "UserAdd", {"name": "cert", "options": {"no_password": True}}
    yield None, AUTH + "UserAdd", {"name": "empty", "password": ""}
    yield None, AUTH + "UserGrantRole", {"user": "root", "role": "root"}
    yield None, AUTH + "RoleGet", {"role": "root"}
    for name in ("reader", "writer", "both", "late"):
        yield None, AUTH + "RoleAdd", {"name": name}
    for name, grant in (
        ("reader", perm(READ, b"public/", b"public0")),
        ("reader", perm(READ, b"public/", b"public1")),
        ("reader", perm(READ, b"public/", b"public0")),
        ("reader", perm(WRITE, b"public/", b"public1")),
        ("reader", perm(READ, b"a")),
        ("reader", perm(7, b"strange")),
        ("writer", perm(WRITE, b"inbox/", b"inbox0")),
        ("both", perm(BOTH, b"both/", b"both0")),
        ("late", perm(READ, b"zz", b"\0")),
    ):
        yield None, AUTH + "RoleGrantPermission", {"name": name, "perm": grant}
    yield None, AUTH + "RoleGet", {"role": "reader"}
    yield None, AUTH + "RoleRevokePermission", {
        "role": "reader", "key": b"public/", "range_end": b"public1"}
    for role in ("writer", "reader", "both", "reader"):
        yield None, AUTH + "UserGrantRole", {"user": "alice", "role": role}
    yield None, AUTH + "UserGet", {"name": "alice"}
    yield from every_auth_call(None)
    for key in (b"public/1", b"secret", b"both/1", b"inbox/1"):
        yield None, KV + "Put", {"key": key, "value": b"first"}
    yield None, AUTH + "AuthEnable", {}
    yield None, AUTH + "AuthEnable", {}
    for name, password in (
        ("root", "root-pw"), ("alice", "alice-pw"), ("née", "née-pw"), ("empty", ""),
        ("alice", "wrong"), ("alice", ""), ("nobody", "x"), ("", ""), ("cert", ""), ("cert", "x"),
    ):
        yield name, None, password
    for user in (None, "stranger", "root", "alice", "née"):
        yield from every_other_call(user)
        yield from every_auth_call(user)
    yield "root", AUTH + "UserDelete", {"name": "root"}
    yield "root", AUTH + "RoleDelete", {"role": "root"}
    yield "root", AUTH + "UserRevokeRole", {"name": "root", "role": "root"}
    yield "root", AUTH + "UserGrantRole", {"user": "bob", "role": "root"}
    yield "bob", None, "bob-pw"
    yield "bob", AUTH + "UserList", {}
    yield "root", AUTH + "UserChangePassword", {"name": "alice", "password": "new"}
    yield "alice", KV + "Range", {"key": b"public/1"}
    yield "alice", None, "alice-pw"
    yield "alice", None, "new"
    yield "alice", KV + "Range", {"key": b"public/1"}
    yield "root", AUTH + "RoleDelete", {"role": "reader"}
    yield "alice", KV + "Range", {"key": b"public/1"}
    yield "alice", AUTH + "UserGet", {"name": "alice"}
    yield "root", AUTH + "UserRevokeRole", {"name": "alice", "role": "both"}
    yield "alice", KV + "Put", {"key": b"both/1"}
    yield "alice", KV + "Put", {"key": b"inbox/1"}
    yield "root", AUTH + "UserChangePassword", {"name": "née", "password": ""}
    yield "née", None, ""
    yield "née", None, "née-pw"
    yield "root", AUTH + "UserChangePassword", {"name": "cert", "password": "x"}
    yield "cert", None, "x"
    yield "root", AUTH + "UserDelete", {"name": "alice"}
    yield "alice", KV + "Put", {"key": b"inbox/1"}
    yield "root", AUTH + "UserAdd", {"name": "alice", "password": "alice-pw"}
    yield "alice", KV + "Put", {"key": b"inbox/1"}
    yield "root", AUTH + "AuthDisable", {}
    yield "root", KV + "Range", {"key": b"secret"}
    yield None, KV + "Range", {"key": b"secret"}
    yield "root", AUTH + "AuthStatus", {}
    yield None, AUTH + "AuthEnable", {}
    yield "root", KV + "Range", {"key": b"secret"}
    yield from every_auth_call("bob")


@test("every Auth call, and what each user may do elsewhere, is answered as by etcd 3.7")
def as_etcd(scratch):
    theirs = Session(etcd_37(scratch, CHEAP))
    server = scratch.server(CHEAP)
    server.start()
    ours = Session(server.address)
    wrong, count = [], 0
    for user, path, fields in script():
        if path is None:
            a, b = ours.login(user, fields), theirs.login(user, fields)
        else:
            a, b = ours(user, path, **fields), theirs(user, path, **fields)
        if a[0] == b[0] == "OK" and path == MAINTENANCE + "HashKV":
            continue
        count += 1
        if a != b:
            wrong.append(f"{user} {path} {fields}\n      ours   {a}\n      theirs {b}")
    check(not wrong, f"{len(wrong)} of {count} differ\n" + "\n".join(wrong))
    return f"{count} calls"
