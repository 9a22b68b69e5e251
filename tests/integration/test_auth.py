"""Users, roles, permissions and tokens: the same script against moat and etcd 3.7, and what only
moat promises: nothing secret where it does not belong, and who may do what after a restart."""

import os
import random
import re
import subprocess

import pb
from harness import Client, check, free_port, has, knob, peer, run, same, test, wait_for
from watching import Stream

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
        (user, CLUSTER + "MemberUpdate", {"id": 77, "peer_urls": ["http://127.0.0.1:1"]}),
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


USERS = ("root", "ann", "bob", "cat", "")
ROLES = ("root", "r1", "r2", "r3", "")
KEYS = (b"a", b"a\0", b"aa", b"ab", b"b", b"ba", b"c", b"\xff")
ENDS = (b"", b"", b"\0", *KEYS)


def random_range(rng):
    """Not one that ends before it begins: what etcd says of that depends on the shape of a tree."""
    key = rng.choice(KEYS)
    return {"key": key, "range_end": rng.choice([e for e in ENDS if e in (b"", b"\0") or e >= key])}


def random_management(rng):
    user, role = rng.choice(USERS), rng.choice(ROLES)
    return rng.choice(
        [
            ("UserAdd", {"name": user, "password": user + "-pw"}),
            ("UserAdd", {"name": user, "options": {"no_password": rng.random() < 0.3}}),
            ("UserDelete", {"name": user if rng.random() < 0.3 else "none"}),
            ("UserChangePassword", {"name": user, "password": rng.choice(["x", user + "-pw"])}),
            ("UserGrantRole", {"user": user, "role": role}),
            ("UserGrantRole", {"user": user, "role": role}),
            ("UserRevokeRole", {"name": user, "role": role}),
            ("UserGet", {"name": user}),
            ("UserList", {}),
            ("RoleAdd", {"name": role}),
            ("RoleDelete", {"role": role if rng.random() < 0.3 else "none"}),
            ("RoleGrantPermission", {"name": role, "perm": {"type": rng.randrange(3),
                                                            **random_range(rng)}}),
            ("RoleGrantPermission", {"name": role, "perm": {"type": rng.randrange(3),
                                                            **random_range(rng)}}),
            ("RoleRevokePermission", {"role": role, **random_range(rng)}),
            ("RoleGet", {"role": role}),
            ("RoleList", {}),
            ("AuthStatus", {}),
            ("AuthStatus", {}),
            ("AuthEnable", {}),
            ("AuthEnable", {}),
            ("AuthDisable", {}) if rng.random() < 0.2 else ("AuthStatus", {}),
        ]
    )


def random_op(rng, depth=0):
    kind = rng.randrange(4 if depth < 2 else 3)
    if kind == 0:
        return {"range": random_range(rng)}
    if kind == 1:
        return {"put": {"key": rng.choice(KEYS), "prev_kv": rng.random() < 0.3}}
    if kind == 2:
        return {"delete_range": {**random_range(rng), "prev_kv": rng.random() < 0.3}}
    return {"txn": random_txn(rng, depth + 1)}


def random_txn(rng, depth=0):
    compares = [{"target": 0, "result": rng.randrange(4), "version": 1, **random_range(rng)}
                for _ in range(rng.randrange(2))]
    return {"compare": compares, rng.choice(["success", "failure"]): [random_op(rng, depth)]}


def random_call(rng):
    """(path, fields) of something that a user may or may not do."""
    op = random_op(rng)
    if "txn" in op or rng.random() < 0.3:
        return KV + "Txn", op.get("txn") or random_txn(rng)
    (name, fields), = op.items()
    return KV + {"range": "Range", "put": "Put", "delete_range": "DeleteRange"}[name], fields


def permissions(server, role):
    """How many a role has; asked as root, whatever the test's users may do."""
    session = Session(server.address)
    for password in ("root-pw", "x"):
        session.login("root", password)
    for user in ("root" if session.tokens else None, None):
        code, reply = session(user, AUTH + "RoleGet", role=role)
        if code == "OK":
            return len(reply.perm)
    return 0


@test("random changes of users and roles, and what they may do then, are as with etcd 3.7")
def random_programs(scratch):
    seed, steps = knob("MOAT_SEED", 1), knob("MOAT_AUTH_STEPS", 3000)
    rng = random.Random(seed)
    theirs = Session(etcd_37(scratch, CHEAP))
    server = scratch.server(CHEAP)
    server.start()
    ours = Session(server.address)
    both = (ours, theirs)
    outcomes = set()
    for session in both:
        session.good(None, AUTH + "UserAdd", name="root", password="root-pw")
        session.good(None, AUTH + "UserGrantRole", user="root", role="root")
    for step in range(steps):
        kind = rng.random()
        user = "root" if rng.random() < 0.5 else rng.choice([None, *USERS[:-1]])
        if kind < 0.15:
            name, password = rng.choice(USERS), rng.choice(["x", ""])
            password = password if rng.random() < 0.2 else name + "-pw"
            what = f"{name} logs in with {password!r}"
            a, b = (session.login(name, password) for session in both)
        elif kind < 0.55:
            method, fields = random_management(rng)
            if method == "RoleGrantPermission" and permissions(server, fields["name"]) >= 12:
                continue  # Go sorts more of them in an order of its own
            what = f"{user}: {method} {fields}"
            a, b = (session(user, AUTH + method, **fields) for session in both)
        else:
            path, fields = random_call(rng)
            what = f"{user}: {path} {fields}"
            a, b = (session(user, path, **fields) for session in both)
        outcomes.add((a[0], a[1] if a[0] != "OK" else None))
        same(a, b, f"MOAT_SEED={seed} step {step}: {what}")
        if step == steps // 2:
            server.stop()
            server.start()
            server.must_live()
            for session in both:
                session.tokens = {}
            ours.client.channel.close()
            ours.client = Client(server.address)
            for name in USERS:
                a, b = (session.login(name, name + "-pw") for session in both)
                same(a, b, f"MOAT_SEED={seed}: {name} logs in after a restart of moat")
    check(len(outcomes) > 12, "too few kinds of outcomes:", sorted(outcomes, key=str))
    return f"{steps} calls, {len(outcomes)} kinds of outcomes"


LEASE = "/etcdserverpb.Lease/"
LOCK = "/v3lockpb.Lock/"
ELECTION = "/v3electionpb.Election/"
STREAMS = (KV + "RangeStream", MAINTENANCE + "Snapshot", LEASE + "LeaseKeepAlive")


def first_of_stream(session, user, path, fields):
    """The outcome of a stream's first answer."""
    token = session.tokens.get(user, user and "bad.token") if user else None
    metadata = (("token", token),) if token else ()
    message = pb.METHODS[path][0].encode(**fields)
    channel = session.client.channel
    if path == LEASE + "LeaseKeepAlive":
        call = channel.stream_stream(path)(iter([message]), metadata=metadata, timeout=20)
    else:
        call = channel.unary_stream(path)(message, metadata=metadata, timeout=20)
    try:
        next(call, None)
        call.cancel()
    except session.client.grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", None


def watched(session, user, fields):
    token = session.tokens.get(user, user and "bad.token") if user else None
    with Stream(session.client, metadata=(("token", token),) if token else ()) as stream:
        stream.send(create=fields)
        reply = stream.next()
        return reply.created, reply.canceled, reply.watch_id, reply.cancel_reason


def leases_and_streams(number):
    """What users may do with leases that have others' keys, with streams, locks and elections."""
    return [
        (LEASE + "LeaseGrant", {"ttl": 1000, "id": 500 + number}),
        (LEASE + "LeaseTimeToLive", {"id": 101, "keys": True}),
        (LEASE + "LeaseTimeToLive", {"id": 102, "keys": True}),
        (LEASE + "LeaseTimeToLive", {"id": 102}),
        (LEASE + "LeaseTimeToLive", {"id": 999, "keys": True}),
        (LEASE + "LeaseLeases", {}),
        (LEASE + "LeaseKeepAlive", {"id": 101}),
        (LEASE + "LeaseKeepAlive", {"id": 102}),
        (LEASE + "LeaseKeepAlive", {"id": 103}),
        (LEASE + "LeaseKeepAlive", {"id": 104}),
        (LEASE + "LeaseKeepAlive", {"id": 999}),
        (KV + "Put", {"key": b"inbox/5", "lease": 102}),
        (KV + "Put", {"key": b"inbox/5", "lease": 103}),
        (KV + "Put", {"key": b"inbox/5", "lease": 999}),
        (KV + "Put", {"key": b"secret", "lease": 999}),
        (KV + "Txn", {"failure": [{"put": {"key": b"inbox/5", "lease": 102}}]}),
        (LEASE + "LeaseRevoke", {"id": 999}),
        (LEASE + "LeaseRevoke", {"id": 101}),
        (KV + "RangeStream", {"key": b"secret"}),
        (KV + "RangeStream", {"key": b"public/", "range_end": b"public0"}),
        (MAINTENANCE + "Snapshot", {}),
        (MAINTENANCE + "Hash", {}),
        (MAINTENANCE + "Defragment", {}),
        (LOCK + "Lock", {"name": b"both/lock-%d" % number}),
        (LOCK + "Lock", {"name": b"inbox/lock-%d" % number}),
        (LOCK + "Unlock", {"key": b"secret"}),
        (LOCK + "Unlock", {"key": b"inbox/none"}),
        (ELECTION + "Leader", {"name": b"secret"}),
        (ELECTION + "Leader", {"name": b"public"}),
        (ELECTION + "Campaign", {"name": b"secret", "lease": 104, "value": b"x"}),
    ]


WATCHED = [
    {"key": b"public/1"},
    {"key": b"secret"},
    {"key": b"public/", "range_end": b"public0"},
    {"key": b"public/", "range_end": b"\0"},  # GHSA-xg4h-6gfc-h4m8
    {"key": b"", "range_end": b"\0"},
    {"key": b"secret", "start_revision": -1},
    {"key": b"public/2", "range_end": b"public/1"},
]


@test("leases with others' keys, streams, watches, locks and elections are refused as by etcd 3.7")
def leases_streams_watches(scratch):
    theirs = Session(etcd_37(scratch, CHEAP))
    server = scratch.server(CHEAP)
    server.start()
    ours = Session(server.address)
    for session in (ours, theirs):
        move_in(session)
        session.login("root", "root-pw")
        for key, end, kind in ((b"inbox/", b"inbox0", WRITE), (b"both/", b"both0", BOTH)):
            session.good("root", AUTH + "RoleGrantPermission", name="reader",
                         perm=perm(kind, key, end))
        session.login("alice", "alice-pw")
        for number, key in ((101, b"public/1"), (102, b"secret"), (103, b"inbox/9"), (104, None)):
            session.good("root", LEASE + "LeaseGrant", ttl=1000, id=number)
            if key:
                session.good("root", KV + "Put", key=key, lease=number)
    wrong, count = [], 0
    for number, user in enumerate((None, "stranger", "alice", "root")):
        for path, fields in leases_and_streams(number):
            if path in STREAMS:
                a, b = (first_of_stream(s, user, path, fields) for s in (ours, theirs))
            else:
                a, b = (s(user, path, **fields) for s in (ours, theirs))
            if a[0] == b[0] == "OK" and "keys" not in fields:
                a = b
            count += 1
            if a[0] == "OK" and "keys" in fields:
                a, b = a[1].keys, b[1].keys
            if a != b:
                wrong.append(f"{user} {path} {fields}\n      ours   {a}\n      theirs {b}")
        for fields in WATCHED:
            a, b = (watched(s, user, fields) for s in (ours, theirs))
            count += 1
            if a != b:
                wrong.append(f"{user} watches {fields}\n      ours   {a}\n      theirs {b}")
    check(not wrong, f"{len(wrong)} of {count} differ\n" + "\n".join(wrong))
    return f"{count} calls"


def keys(scratch):
    """Key files for each family of JSON Web Tokens."""
    made = {}
    for name, command in {
        "rsa": ["openssl", "genrsa", "2048"],
        "ec256": ["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout"],
        "ec384": ["openssl", "ecparam", "-name", "secp384r1", "-genkey", "-noout"],
        "ec521": ["openssl", "ecparam", "-name", "secp521r1", "-genkey", "-noout"],
        "ed": ["openssl", "genpkey", "-algorithm", "ed25519"],
    }.items():
        status, out, err = run(command)
        same(status, 0, err)
        made[name] = scratch.sub(name + ".key"), scratch.sub(name + ".pub")
        with open(made[name][0], "wb") as f:
            f.write(out)
        status, _, err = run(["openssl", "pkey", "-in", made[name][0], "-pubout"]
                             + ["-out", made[name][1]])
        same(status, 0, err)
    made["hs"] = scratch.sub("hs.key"), None
    with open(made["hs"][0], "wb") as f:
        f.write(os.urandom(48))
    return made


def move_in(session):
    """root, and alice who reads public/; authentication is on."""
    session.good(None, AUTH + "UserAdd", name="root", password="root-pw")
    session.good(None, AUTH + "UserGrantRole", user="root", role="root")
    session.good(None, AUTH + "UserAdd", name="alice", password="alice-pw")
    session.good(None, AUTH + "RoleAdd", name="reader")
    session.good(None, AUTH + "RoleGrantPermission", name="reader",
                 perm=perm(READ, b"public/", b"public0"))
    session.good(None, AUTH + "UserGrantRole", user="alice", role="reader")
    session.good(None, AUTH + "AuthEnable")


METHODS = {
    "RS256": "rsa", "RS384": "rsa", "RS512": "rsa", "PS256": "rsa", "PS384": "rsa",
    "PS512": "rsa", "ES256": "ec256", "ES384": "ec384", "ES512": "ec521", "EdDSA": "ed",
    "HS256": "hs", "HS384": "hs", "HS512": "hs",
}


@test("JSON Web Tokens of moat are good at etcd 3.7 with the same keys, and the other way round")
def jwt_interchange(scratch):
    files = keys(scratch)
    for method, family in METHODS.items():
        private, public = files[family]
        flag = f"--auth-token=jwt,sign-method={method},priv-key={private}"
        flag += f",pub-key={public},ttl=1h" if public else ",ttl=1h"
        inner = scratch.sub(method)
        os.mkdir(inner)
        server = scratch.server(CHEAP, flag, data=os.path.join(inner, "moat"))
        server.start()
        place = Place(inner, scratch)
        ours, theirs = Session(server.address), Session(etcd_37(place, CHEAP, flag))
        for session in (ours, theirs):
            move_in(session)
            same(session.login("alice", "alice-pw"), ("OK", None), method)
            same(session.login("root", "root-pw"), ("OK", None), method)
        check(ours.tokens["alice"].count(".") == 2, "is no JWT:", ours.tokens["alice"])
        for one, other in ((ours, theirs), (theirs, ours)):
            mine = dict(one.tokens)
            one.tokens = dict(other.tokens)
            one.good("alice", KV + "Range", key=b"public/1")
            one.good("root", KV + "Put", key=b"secret", value=b"x")
            same(one("alice", KV + "Range", key=b"secret")[0], "PERMISSION_DENIED", method)
            head, claims, mark = one.tokens["alice"].split(".")
            bent = ("B" if claims[5] == "A" else "A").join([claims[:5], claims[6:]])
            one.tokens["alice"] = ".".join([head, bent, mark])
            same(one("alice", KV + "Range", key=b"public/1")[0], "UNAUTHENTICATED", method)
            one.tokens = mine
        # A change makes every token old, as each says which revision it is of.
        for session in (ours, theirs):
            session.good("root", AUTH + "RoleAdd", name="more")
        same(ours("alice", KV + "Range", key=b"public/1"),
             theirs("alice", KV + "Range", key=b"public/1"), method)
        same(ours("alice", KV + "Put", key=b"public/1"),
             theirs("alice", KV + "Put", key=b"public/1"), method)
        server.stop()
        place.kill()
    return f"{len(METHODS)} methods"


class Place:
    """A directory of a Scratch, for what must not share its names; what runs there ends early."""

    def __init__(self, path, scratch):
        self.path = path
        self.scratch = scratch
        self.servers = scratch.servers

    def sub(self, name):
        return os.path.join(self.path, name)

    def kill(self):
        self.servers[-1].kill()


@test("a server with only a public key checks tokens and makes none, in etcd's words")
def jwt_verify_only(scratch):
    private, public = keys(scratch)["ec256"]
    flag = "--auth-token=jwt,sign-method=ES256,"
    maker = scratch.server(CHEAP, flag + "priv-key=" + private, data="maker", log="maker-log")
    maker.start()
    other = Session(maker.address)
    move_in(other)
    same(other.login("alice", "alice-pw"), ("OK", None))
    server = scratch.server(CHEAP, flag + "pub-key=" + public)
    server.start()
    session = Session(server.address)
    move_in(session)
    same(session.login("alice", "alice-pw"),
         ("UNKNOWN", "auth: token signing attempted with verify-only key"))
    session.tokens = other.tokens
    session.good("alice", KV + "Range", key=b"public/1")


@test("wrong values of --auth-token stop the start with a sentence")
def bad_token_flags(scratch):
    private, public = keys(scratch)["rsa"]
    for value, part in (
        ("magic", "must begin with simple or jwt"),
        ("jwt", "needs sign-method="),
        ("jwt,sign-method=XX1", "sign-method must be one of"),
        ("jwt,sign-method=RS256", "missing key data"),
        ("jwt,sign-method=ES256,priv-key=" + private, "not one for sign-method=ES256"),
        ("jwt,sign-method=RS256,priv-key=" + public, "holds no key"),
        ("jwt,sign-method=RS256,priv-key=/proc/nonexistent", "cannot open /proc/nonexistent"),
        ("jwt,sign-method=RS256,ttl=soon,priv-key=" + private, "is no duration"),
        ("jwt,sign-method=RS256,sign-method=RS256", "is given twice"),
        ("jwt,RS256", "is not NAME=VALUE"),
    ):
        has(scratch.server("--auth-token=" + value).sentence(), "--auth-token", part)


@test("users, roles and permissions are there again after a stop, without tokens, and after a kill")
def restart(scratch):
    server = scratch.server(CHEAP)
    server.start()
    session = Session(server.address)
    long_name = "n" * 3000  # longer than a key of the store may be
    move_in(session)
    same(session.login("root", "root-pw"), ("OK", None))
    session.good("root", AUTH + "UserAdd", name=long_name, password="p")
    session.good("root", AUTH + "UserGrantRole", user=long_name, role="reader")
    for way in ("stop", "kill"):
        old = session.tokens["root"]
        getattr(server, way)()
        server.start()
        session = Session(server.address)
        if way == "stop":  # after a kill the log may say once more who logged in last
            same(session.raw(KV + "Range", pb.RANGE.encode(key=b"k"), old),
                 ("UNAUTHENTICATED", "etcdserver: invalid auth token"))
        same(session.login(long_name, "p"), ("OK", None))
        same(session.login("root", "root-pw"), ("OK", None))
        session.good(long_name, KV + "Range", key=b"public/1")
        same(session(long_name, KV + "Range", key=b"k")[0], "PERMISSION_DENIED")
        same(session.good("root", AUTH + "UserList").names, ["alice", long_name, "root"])
        session.good("root", AUTH + "RoleAdd", name=way)


def find_in_memory(pid, text):
    """Where a process has these bytes in memory that it may write to."""
    found = []
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(x, 16) for x in span.split("-"))
            if "w" not in rights or end - start > 1 << 30:
                continue
            try:
                mem.seek(start)
                content = mem.read(end - start)
            except OSError:
                continue
            at = content.find(text)
            if at >= 0:
                around = content[max(at - 40, 0) : at + 60]
                found.append(line.strip() + f" +{at:#x}: {around!r}")
    return found


@test("no password is in the log, on the disk, or in memory after its use (CVE-2021-28235)")
def no_secrets_left(scratch):
    password = "Correct-Horse-Battery-Staple"
    server = scratch.server(CHEAP, "--log-level=debug")
    server.start()
    session = Session(server.address)
    move_in(session)
    session.login("root", "root-pw")
    session.good("root", AUTH + "UserAdd", name="carol", password=password + "-1")
    session.good("root", AUTH + "UserChangePassword", name="carol", password=password + "-2")
    same(session.login("carol", password + "-2"), ("OK", None))
    same(session.login("carol", password + "-3")[0], "INVALID_ARGUMENT")
    check(run(["curl", "-s", "-d", '{"name":"carol","password":"' + password + '-2"}']
              + [server.url + "/v3/auth/authenticate"])[1].find(b"token") > 0, "curl got no token")
    session.good("root", AUTH + "UserAdd", name="cert", password=password,
                 options={"no_password": True})
    for i in range(20):  # what was read from the socket is overwritten by what is read next
        session.good("root", KV + "Put", key=b"k%d" % i, value=os.urandom(60000))
    left = find_in_memory(server.process.pid, password.encode())
    server.stop()
    check(not left, "a password is still in memory:\n" + "\n".join(left))
    status, out, _ = run(["grep", "-rl", password, server.data, server.log_path])
    same((status, out), (1, b""), "files that have a password")
    has(server.log(), "auth.login_failed")


@test("a refusal is logged with user, method and keys, and explained in a trailer")
def refusals_are_told(scratch):
    server = scratch.server(CHEAP)
    server.start()
    session = Session(server.address)
    move_in(session)
    session.login("alice", "alice-pw")
    for path, fields, explained in (
        (KV + "Range", {"key": b"sec\nret"}, r'user "alice" has no READ permission on "sec\x0aret"'),
        (KV + "Put", {"key": b"public/1"}, 'user "alice" has no WRITE permission on "public/1"'),
        (KV + "Compact", {"revision": 1}, 'user "alice" has not got the role root'),
    ):
        same(session("alice", path, **fields)[0], "PERMISSION_DENIED")
        same(session.trailers["moat-explain"], explained)
    lock = session("alice", "/v3lockpb.Lock/Lock", name=b"l")
    same(lock, ("UNKNOWN", "etcdserver: permission denied"))
    has(session.trailers["moat-explain"], 'user "alice" has no READ permission on "l/')
    session("alice", "/v3lockpb.Lock/Unlock", key=b"l/1")
    has(session.trailers["moat-explain"], 'user "alice" has no WRITE permission on "l/1"')
    leader = session("alice", "/v3electionpb.Election/Leader", name=b"l")
    same(leader[0], "UNKNOWN")
    has(session.trailers["moat-explain"], 'user "alice" has no READ permission on "l/"')
    session(None, KV + "Range", key=b"k")
    has(session.trailers["moat-explain"], "has no token")
    log = server.log()
    check(re.search(r"auth\.denied +user=alice +method=/etcdserverpb.KV/Put +needs=write +keys=.*"
                    "public/1", log), log)
    check("sec\nret" not in log, "a key broke a line of the log")
    for _ in range(50):
        same(session("alice", KV + "Put", key=b"public/1")[0], "PERMISSION_DENIED")
    server.stop()
    denied = re.findall(r"auth\.denied +user=alice +method=/etcdserverpb.KV/Put .*", server.log())
    check(1 < len(denied) < 20, "not told, or told too often:", denied)
    more = sum(int(n) for line in denied for n in re.findall(r"more=(\d+)", line))
    same(more + sum("needs=write" in line for line in denied), 51, "denials in the log")


@test("before login the member list has IDs and client URLs, or what --auth-member-list says")
def member_list(scratch):
    for choice, name, peers in (("client-urls", "", 0), ("full", "default", 1), ("none", None, 0)):
        flags = [CHEAP] + ([] if choice == "client-urls" else ["--auth-member-list=" + choice])
        server = scratch.server(*flags, data=choice, log=choice + "-log")
        server.start()
        session = Session(server.address)
        full = session.good(None, CLUSTER + "MemberList").members[0]
        move_in(session)
        code, reply = session(None, CLUSTER + "MemberList", linearizable=True)
        if name is None:
            same((code, reply), ("INVALID_ARGUMENT", "etcdserver: user name is empty"))
        else:
            seen = reply.members[0]
            same((seen.id, seen.client_urls), (full.id, full.client_urls))
            same((seen.name, len(seen.peer_urls)), (name, peers))
        session.login("alice", "alice-pw")
        same(session.good("alice", CLUSTER + "MemberList").members[0], full)
        same(session("stranger", CLUSTER + "MemberList")[0], "UNAUTHENTICATED")
        server.stop()


@test("a token is taken from either name, and the gateway's caller is its token or nobody")
def where_tokens_are(scratch):
    server = scratch.server(CHEAP)
    server.start()
    session = Session(server.address)
    move_in(session)
    session.login("alice", "alice-pw")
    token = session.tokens["alice"]
    request = pb.RANGE.encode(key=b"public/1")
    for name, value in (("token", token), ("authorization", token),
                        ("authorization", "Bearer " + token), ("token", "Bearer " + token)):
        same(session.raw(KV + "Range", request, value, name)[0], "OK", f"{name}: {value}")
    same(session.raw(KV + "Range", request, "", "token")[0], "UNAUTHENTICATED")

    def post(*headers, body='{"key":"cHVibGljLzE="}', path="/v3/kv/range"):
        command = ["curl", "-s", "-o", "-", "-w", "%{http_code}", "-d", body, server.url + path]
        for header in headers:
            command += ["-H", header]
        return run(command)[1].decode()[-3:]

    same(post("Authorization: " + token), "200")
    same(post("Authorization: Bearer " + token), "200")
    same(post(), "400")
    same(post("Authorization: nonsense"), "401")
    same(post("Authorization: " + token, body='{"key":"aw=="}'), "403")
    same(post("Grpc-Metadata-Username: root", "Username: root"), "400")


@test("etcdctl 3.4 manages users and roles, and logs in")
def etcdctl(scratch):
    server = scratch.server(CHEAP)
    server.start()
    program = peer("etcd-3.4/etcdctl", "etcdctl-3.4")

    def ctl(*words):
        status, out, err = run([program, "--endpoints", server.address, *words],
                               env={**os.environ, "ETCDCTL_API": "3"})
        return status, out.decode(), err.decode()

    def good(wanted, *words):
        status, out, err = ctl(*words)
        same((status, out), (0, wanted), f"{words}: {err}")

    def refused(wanted, *words):
        status, _, err = ctl(*words)
        check(status != 0 and wanted in err, words, status, err)

    good("User root created\n", "user", "add", "root:root-pw")
    good("Role root is granted to user root\n", "user", "grant-role", "root", "root")
    good("Role r created\n", "role", "add", "r")
    good("Role r updated\n", "role", "grant-permission", "--prefix", "r", "readwrite", "app/")
    good("User alice created\n", "user", "add", "alice:pw")
    good("Role r is granted to user alice\n", "user", "grant-role", "alice", "r")
    good("Authentication Enabled\n", "auth", "enable")
    good("OK\n", "--user", "alice:pw", "put", "app/1", "x")
    good("app/1\nx\n", "--user", "alice:pw", "get", "app/1")
    refused("permission denied", "--user", "alice:pw", "put", "other", "x")
    refused("invalid user ID or password", "--user", "alice:no", "get", "app/1")
    refused("user name is empty", "get", "app/1")
    good("User: alice\nRoles: r\n", "--user", "alice:pw", "user", "get", "alice")
    good("Role r\nKV Read:\n\t[app/, app0) (prefix app/)\nKV Write:\n\t[app/, app0) (prefix app/)\n",
         "--user", "root:root-pw", "role", "get", "r")
    good("alice\nroot\n", "--user", "root:root-pw", "user", "list")
    good("Permission of range [app/, app0) is revoked from role r\n", "--user", "root:root-pw",
         "role", "revoke-permission", "--prefix", "r", "app/")
    refused("permission denied", "--user", "alice:pw", "put", "app/1", "x")
    good("User alice deleted\n", "--user", "root:root-pw", "user", "delete", "alice")
    good("Authentication Disabled\n", "--user", "root:root-pw", "auth", "disable")
    good("app/1\nx\n", "get", "app/1")
