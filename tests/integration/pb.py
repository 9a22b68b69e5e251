"""A small protobuf codec: messages as tables, values as plain Python objects.

Written by hand so that the tests speak etcd's API without generated code, and without the help of
the encoder under test. A message is decoded into a Fields object that has every field of its table;
fields that are not in the table are kept out. https://protobuf.dev/programming-guides/encoding
"""

VARINT, I64, LEN, I32 = 0, 1, 2, 5


class Fields:
    """The values of a decoded message, as attributes."""

    def __init__(self, **values):
        self.__dict__.update(values)

    def __repr__(self):
        return "Fields(" + ", ".join(f"{k}={v!r}" for k, v in self.__dict__.items()) + ")"

    def __eq__(self, other):
        return self.__dict__ == other.__dict__


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def read_varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


class Message:
    """A message type. Field kinds: int, bool, bytes, str, another Message; [kind]: repeated."""

    def __init__(self, **fields):
        self.fields = fields
        self.by_number = {number: (name, kind) for name, (number, kind) in fields.items()}

    def encode(self, **values):
        out = bytearray()
        for name, value in values.items():
            number, kind = self.fields[name]
            if isinstance(kind, list):
                for item in value:
                    out += self._field(number, kind[0], item)
            else:
                out += self._field(number, kind, value)
        return bytes(out)

    @staticmethod
    def _field(number, kind, value):
        if kind in (int, bool):
            return varint(number << 3 | VARINT) + varint(int(value))
        if kind is str:
            value = value.encode()
        elif isinstance(kind, Message) and not isinstance(value, bytes):
            value = kind.encode(**value)
        return varint(number << 3 | LEN) + varint(len(value)) + value

    def decode(self, data):
        out = Fields(**{name: self._default(kind) for name, (_, kind) in self.fields.items()})
        at = 0
        while at < len(data):
            key, at = read_varint(data, at)
            wire = key & 7
            if wire == VARINT:
                value, at = read_varint(data, at)
            else:
                if wire == LEN:
                    size, at = read_varint(data, at)
                else:
                    size = {I64: 8, I32: 4}[wire]
                value = data[at : at + size]
                if len(value) != size:
                    raise ValueError("a field reaches beyond its message")
                at += size
            name, kind = self.by_number.get(key >> 3, (None, None))
            if name:
                self._store(out, name, kind, value)
        return out

    @staticmethod
    def _store(out, name, kind, value):
        if isinstance(kind, list):
            getattr(out, name).append(convert(kind[0], value))
        else:
            setattr(out, name, convert(kind, value))

    @staticmethod
    def _default(kind):
        if isinstance(kind, list):
            return []
        return None if isinstance(kind, Message) else kind()


def convert(kind, value):
    if isinstance(kind, Message):
        return kind.decode(value)
    if kind is int:
        return value - (1 << 64) if value >> 63 else value
    if kind is str:
        return bytes(value).decode()
    return kind(value)


# ---- etcd's messages (rpc.proto, kv.proto), as far as the tests read or write them ----

HEADER = Message(cluster_id=(1, int), member_id=(2, int), revision=(3, int), raft_term=(4, int))
KEY_VALUE = Message(
    key=(1, bytes),
    create_revision=(2, int),
    mod_revision=(3, int),
    version=(4, int),
    value=(5, bytes),
    lease=(6, int),
)
RANGE = Message(
    key=(1, bytes),
    range_end=(2, bytes),
    limit=(3, int),
    revision=(4, int),
    sort_order=(5, int),
    sort_target=(6, int),
    serializable=(7, bool),
    keys_only=(8, bool),
    count_only=(9, bool),
)
RANGE_REPLY = Message(header=(1, HEADER), kvs=(2, [KEY_VALUE]), more=(3, bool), count=(4, int))
PUT = Message(
    key=(1, bytes),
    value=(2, bytes),
    lease=(3, int),
    prev_kv=(4, bool),
    ignore_value=(5, bool),
    ignore_lease=(6, bool),
)
PUT_REPLY = Message(header=(1, HEADER), prev_kv=(2, KEY_VALUE))
DELETE = Message(key=(1, bytes), range_end=(2, bytes), prev_kv=(3, bool))
DELETE_REPLY = Message(header=(1, HEADER), deleted=(2, int), prev_kvs=(3, [KEY_VALUE]))
COMPARE = Message(
    result=(1, int),
    target=(2, int),
    key=(3, bytes),
    version=(4, int),
    create_revision=(5, int),
    mod_revision=(6, int),
    value=(7, bytes),
    range_end=(64, bytes),
)
TXN = Message()
REQUEST_OP = Message(range=(1, RANGE), put=(2, PUT), delete_range=(3, DELETE), txn=(4, TXN))
TXN.__init__(compare=(1, [COMPARE]), success=(2, [REQUEST_OP]), failure=(3, [REQUEST_OP]))
TXN_REPLY = Message()
RESPONSE_OP = Message(
    range=(1, RANGE_REPLY), put=(2, PUT_REPLY), delete_range=(3, DELETE_REPLY), txn=(4, TXN_REPLY)
)
TXN_REPLY.__init__(header=(1, HEADER), succeeded=(2, bool), responses=(3, [RESPONSE_OP]))
COMPACT = Message(revision=(1, int), physical=(2, bool))
COMPACT_REPLY = Message(header=(1, HEADER))
STATUS = Message()
STATUS_REPLY = Message(
    header=(1, HEADER),
    version=(2, str),
    db_size=(3, int),
    leader=(4, int),
    raft_index=(5, int),
    raft_term=(6, int),
    raft_applied_index=(7, int),
    errors=(8, [str]),
    db_size_in_use=(9, int),
    is_learner=(10, bool),
)
MEMBER = Message(
    id=(1, int), name=(2, str), peer_urls=(3, [str]), client_urls=(4, [str]), is_learner=(5, bool)
)
MEMBER_LIST = Message(linearizable=(1, bool))
MEMBER_LIST_REPLY = Message(header=(1, HEADER), members=(2, [MEMBER]))
HEALTH_CHECK = Message(service=(1, str))
HEALTH_CHECK_REPLY = Message(status=(1, int))

RANGE_STREAM_REPLY = Message(range=(1, RANGE_REPLY))
SNAPSHOT_REPLY = Message(remaining_bytes=(2, int), blob=(3, bytes), version=(4, str))
ALARM = Message(action=(1, int), member=(2, int), alarm=(3, int))
ALARM_MEMBER = Message(member=(1, int), alarm=(2, int))
ALARM_REPLY = Message(header=(1, HEADER), alarms=(2, [ALARM_MEMBER]))
HASH_KV = Message(revision=(1, int))
HASH_KV_REPLY = Message(
    header=(1, HEADER), hash=(2, int), compact_revision=(3, int), hash_revision=(4, int)
)

METHODS = {
    "/etcdserverpb.Maintenance/Alarm": (ALARM, ALARM_REPLY),
    "/etcdserverpb.Maintenance/HashKV": (HASH_KV, HASH_KV_REPLY),
    "/etcdserverpb.KV/Range": (RANGE, RANGE_REPLY),
    "/etcdserverpb.KV/Put": (PUT, PUT_REPLY),
    "/etcdserverpb.KV/DeleteRange": (DELETE, DELETE_REPLY),
    "/etcdserverpb.KV/Txn": (TXN, TXN_REPLY),
    "/etcdserverpb.KV/Compact": (COMPACT, COMPACT_REPLY),
    "/etcdserverpb.Maintenance/Status": (STATUS, STATUS_REPLY),
    "/etcdserverpb.Cluster/MemberList": (MEMBER_LIST, MEMBER_LIST_REPLY),
    "/etcdserverpb.Maintenance/Defragment": (Message(), Message(header=(1, HEADER))),
    "/etcdserverpb.Maintenance/Hash": (Message(), Message(header=(1, HEADER))),
    "/etcdserverpb.Maintenance/MoveLeader": (
        Message(target=(1, int)),
        Message(header=(1, HEADER)),
    ),
    "/etcdserverpb.Maintenance/Downgrade": (
        Message(action=(1, int), version=(2, str)),
        Message(header=(1, HEADER), version=(2, str)),
    ),
    "/etcdserverpb.Cluster/MemberAdd": (
        Message(peer_urls=(1, [str]), is_learner=(2, bool)),
        Message(header=(1, HEADER)),
    ),
    "/etcdserverpb.Cluster/MemberRemove": (Message(id=(1, int)), Message(header=(1, HEADER))),
    "/etcdserverpb.Cluster/MemberUpdate": (
        Message(id=(1, int), peer_urls=(2, [str])),
        Message(header=(1, HEADER)),
    ),
    "/etcdserverpb.Cluster/MemberPromote": (Message(id=(1, int)), Message(header=(1, HEADER))),
    "/grpc.health.v1.Health/Check": (HEALTH_CHECK, HEALTH_CHECK_REPLY),
}


# ---- Leases, locks, elections ----

LEASE = {
    "LeaseGrant": (Message(ttl=(1, int), id=(2, int)), Message(id=(2, int), ttl=(3, int))),
    "LeaseRevoke": (Message(id=(1, int)), Message()),
    "LeaseKeepAlive": (Message(id=(1, int)), Message(id=(2, int), ttl=(3, int))),
    "LeaseTimeToLive": (
        Message(id=(1, int), keys=(2, bool)),
        Message(id=(2, int), ttl=(3, int), granted=(4, int), keys=(5, [bytes])),
    ),
    "LeaseLeases": (Message(), Message(leases=(2, [Message(id=(1, int))]))),
}
METHODS.update({"/etcdserverpb.Lease/" + name: pair for name, pair in LEASE.items()})
METHODS.update(
    {
        "/etcdserverpb.KV/RangeStream": (RANGE, Message(reply=(1, RANGE_REPLY))),
        "/etcdserverpb.Maintenance/Snapshot": (Message(), SNAPSHOT_REPLY),
        "/v3lockpb.Lock/Lock": (
            Message(name=(1, bytes), lease=(2, int)),
            Message(key=(2, bytes)),
        ),
        "/v3lockpb.Lock/Unlock": (Message(key=(1, bytes)), Message()),
        "/v3electionpb.Election/Leader": (Message(name=(1, bytes)), Message(kv=(2, KEY_VALUE))),
        "/v3electionpb.Election/Campaign": (
            Message(name=(1, bytes), lease=(2, int), value=(3, bytes)),
            Message(),
        ),
    }
)

# ---- Users and roles (auth.proto) ----

EMPTY = Message()
HEADER_REPLY = Message(header=(1, HEADER))
PERMISSION = Message(type=(1, int), key=(2, bytes), range_end=(3, bytes))
NAMES_REPLY = Message(header=(1, HEADER), names=(2, [str]))
USER_OPTIONS = Message(no_password=(1, bool))

AUTH = {
    "AuthEnable": (EMPTY, HEADER_REPLY),
    "AuthDisable": (EMPTY, HEADER_REPLY),
    "AuthStatus": (EMPTY, Message(header=(1, HEADER), enabled=(2, bool), revision=(3, int))),
    "Authenticate": (
        Message(name=(1, str), password=(2, str)),
        Message(header=(1, HEADER), token=(2, str)),
    ),
    "UserAdd": (
        Message(
            name=(1, str), password=(2, str), options=(3, USER_OPTIONS), hashed_password=(4, str)
        ),
        HEADER_REPLY,
    ),
    "UserGet": (Message(name=(1, str)), NAMES_REPLY),
    "UserList": (EMPTY, NAMES_REPLY),
    "UserDelete": (Message(name=(1, str)), HEADER_REPLY),
    "UserChangePassword": (
        Message(name=(1, str), password=(2, str), hashed_password=(3, str)),
        HEADER_REPLY,
    ),
    "UserGrantRole": (Message(user=(1, str), role=(2, str)), HEADER_REPLY),
    "UserRevokeRole": (Message(name=(1, str), role=(2, str)), HEADER_REPLY),
    "RoleAdd": (Message(name=(1, str)), HEADER_REPLY),
    "RoleGet": (Message(role=(1, str)), Message(header=(1, HEADER), perm=(2, [PERMISSION]))),
    "RoleList": (EMPTY, NAMES_REPLY),
    "RoleDelete": (Message(role=(1, str)), HEADER_REPLY),
    "RoleGrantPermission": (Message(name=(1, str), perm=(2, PERMISSION)), HEADER_REPLY),
    "RoleRevokePermission": (
        Message(role=(1, str), key=(2, bytes), range_end=(3, bytes)),
        HEADER_REPLY,
    ),
}
METHODS.update({"/etcdserverpb.Auth/" + name: pair for name, pair in AUTH.items()})


def prefix_end(prefix):
    """The range_end that covers every key with this prefix."""
    head = prefix.rstrip(b"\xff")
    return head[:-1] + bytes([head[-1] + 1]) if head else b"\0"
