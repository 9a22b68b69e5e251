"""JSON beside gRPC: the same requests to moat and to real etcds, and what browsers may do."""

import base64
import contextlib
import hashlib
import http.client
import json
import socket
import subprocess
import time

from harness import check, free_port, has, peer, same, test, wait_for
from test_ctl import start_etcd


def b64(text):
    return base64.b64encode(text.encode()).decode()


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    def json(self):
        return json.loads(self.body)


def ask(address, method, path, body=b"", headers=None):
    """One request on a connection of its own."""
    connection = http.client.HTTPConnection(address, timeout=10)
    with contextlib.closing(connection):
        body = body.encode() if isinstance(body, str) else body
        connection.request(method, path, body, headers or {})
        return Answer(connection.getresponse())


def post(address, path, message=None, headers=None):
    body = message if isinstance(message, (str, bytes)) else json.dumps(message or {})
    return ask(address, "POST", path, body, headers)


def serve(scratch, *flags):
    server = scratch.server(*flags)
    server.start()
    return server


A, B, Z = b64("a"), b64("b"), b64("z")

# In this order on each server: path and message, or the text of a body.
REQUESTS = [
    ("kv/put", {"key": A, "value": b64("1")}),
    ("kv/put", {"key": B, "value": b64("2"), "prev_kv": True}),
    ("kv/put", {"key": A, "value": b64("3"), "prevKv": True}),
    ("kv/put", {"key": A, "ignore_value": True}),
    ("kv/put", {"key": b64("c"), "lease": "77"}),
    ("kv/put", {"key": Z, "ignore_value": True}),
    ("kv/put", {"key": A, "value": A, "ignore_value": True}),
    ("kv/put", {}),
    ("kv/range", {"key": A}),
    ("kv/range", {"key": A, "range_end": Z}),
    ("kv/range", {"key": A, "rangeEnd": Z, "limit": 1}),
    ("kv/range", {"key": A, "range_end": Z, "limit": "1", "sort_order": "DESCEND"}),
    ("kv/range", {"key": A, "range_end": Z, "sort_order": 2, "sort_target": "MOD"}),
    ("kv/range", {"key": A, "range_end": Z, "keys_only": True}),
    ("kv/range", {"key": A, "range_end": Z, "count_only": True}),
    ("kv/range", {"key": A, "revision": "2"}),
    ("kv/range", {"key": A, "revision": 99}),
    ("kv/range", {"key": A, "serializable": True, "nonsense": [1, {"a": None}]}),
    ("kv/range", {"key": A, "range_end": None}),
    ("kv/range", {"key": Z}),
    ("kv/range", {}),
    ("kv/range", ""),
    ("kv/range", '{"key":"YQ=="} and more'),
    ("kv/range", ' {"key" : "YQ==" , "limit" : 1.0}'),
    ("kv/range", '{"key":"YQ","limit":1e0}'),
    ("kv/range", '{"key":"_-8"}'),
    ("kv/range", '{"\\u006bey":"Y\\u0051=="}'),
    ("kv/range", '{"key":"Y"}'),
    ("kv/range", '{"key":"YQ==","limit":"x"}'),
    ("kv/range", '{"key":"YQ==","limit":1.5}'),
    ("kv/range", '{"key":"YQ==","limit":9223372036854775808}'),
    ("kv/range", '{"key":"YQ==","limit":" 1"}'),
    ("kv/range", '{"key":"YQ==","serializable":1}'),
    ("kv/range", '{"key":"YQ==","key":"Yg=="}'),
    ("kv/range", '{"key":["YQ=="]}'),
    ("kv/range", '{"key":"YQ==",}'),
    ("kv/range", "{'key':1}"),
    ("kv/range", '{"key":'),
    ("kv/range", "null"),
    ("kv/range", "[]"),
    ("kv/range", "nope"),
    ("kv/range", b'{"key":"\xff"}'),
    ("kv/txn", {"compare": [{"key": A, "target": "VALUE", "value": b64("3")}]}),
    ("kv/txn", {"compare": [{"key": A, "target": "MOD", "result": "LESS", "mod_revision": "1"}]}),
    (
        "kv/txn",
        {
            "compare": [{"key": A, "target": 3, "result": 0, "value": b64("3")}],
            "success": [
                {"request_put": {"key": A, "value": b64("4")}},
                {"requestRange": {"key": A, "range_end": Z}},
                {"request_delete_range": {"key": B, "prev_kv": True}},
                {"request_txn": {"failure": [{"request_range": {"key": A}}]}},
            ],
            "failure": [{"request_range": {"key": Z}}],
        },
    ),
    ("kv/txn", {"success": [{"request_put": {"key": A}}, {"request_put": {"key": A}}]}),
    ("kv/txn", {"success": [{"request_range": {"key": A}}] * 129}),
    ("kv/txn", {"success": [{}]}),
    ("kv/txn", '{"compare":[{"key":"YQ==","version":1,"value":"YQ=="}]}'),
    ("kv/txn", '{"compare":[null]}'),
    ("kv/txn", '{"compare":{}}'),
    ("kv/deleterange", {"key": A, "range_end": Z, "prev_kv": True}),
    ("kv/deleterange", {"key": A}),
    ("kv/deleterange", {}),
    ("kv/compaction", {"revision": "3", "physical": True}),
    ("kv/compaction", {"revision": "3"}),
    ("kv/compaction", {"revision": "99"}),
    ("kv/range", {"key": A, "revision": "2"}),
    ("lease/grant", {"ID": "7", "TTL": "500"}),
    ("lease/grant", {"ID": 7, "TTL": 500}),
    ("lease/grant", {"TTL": "9000000001"}),
    ("kv/put", {"key": b64("leased"), "lease": "7"}),
    ("lease/timetolive", {"ID": "7", "keys": True}),
    ("kv/lease/timetolive", {"ID": "8"}),
    ("lease/leases", {}),
    ("kv/lease/leases", ""),
    ("lock/lock", {"name": b64("lock"), "lease": "7"}),
    ("lock/lock", {"name": b64("lock"), "lease": "9"}),
    ("lock/unlock", {"key": b64("lock/7")}),
    ("election/leader", {"name": b64("vote")}),
    ("election/campaign", {"name": b64("vote"), "lease": "7", "value": b64("me")}),
    ("election/leader", {"name": b64("vote")}),
    ("election/proclaim", {"value": b64("we")}),
    ("election/resign", {}),
    ("lease/revoke", {"ID": "7"}),
    ("kv/lease/revoke", {"ID": "7"}),
    ("kv/range", {"key": b64("leased")}),
    ("maintenance/defragment", {}),
    ("maintenance/hashkv", {}),
    ("maintenance/downgrade", {"action": "VALIDATE", "version": "2.0"}),
    ("kv/nope", {}),
    ("kv/range/", {}),
    ("kv", {}),
    ("", {}),
    ("maintenance/alarm", {"action": "GET"}),
    ("maintenance/transfer-leadership", {"targetID": "7"}),
    ("cluster/member/remove", {"ID": "7"}),
    ("cluster/member/promote", {"ID": "7"}),
    ("cluster/member/update", {"ID": "7", "peerURLs": ["http://127.0.0.1:1"]}),
    ("cluster/member/add", {"peerURLs": ["nonsense"], "isLearner": True}),
    ("auth/status", {}),
    ("auth/enable", {}),
    ("auth/authenticate", {"name": "a", "password": "b"}),
    ("auth/user/add", {"name": "a", "password": "b"}),
    ("auth/user/add", {"name": "a", "password": "b"}),
    ("auth/user/add", {}),
    ("auth/role/add", {"name": "r"}),
    (
        "auth/role/grant",
        {"name": "r", "perm": {"permType": "READWRITE", "key": A, "range_end": Z}},
    ),
    ("auth/role/get", {"role": "r"}),
    ("auth/user/grant", {"user": "a", "role": "r"}),
    ("auth/user/get", {"name": "a"}),
    ("auth/user/list", {}),
    ("auth/role/list", {}),
    ("auth/user/get", {"name": "nobody"}),
    ("auth/role/delete", {"role": "r"}),
    ("auth/user/delete", {"name": "a"}),
]

# Known to differ between 3.4 and 3.7, which moat follows (the shared list of differences).
OF_37_ONLY = {
    '{"key":"YQ","limit":1e0}',
    ' {"key" : "YQ==" , "limit" : 1.0}',
    '{"key":"_-8"}',
    '{"key":"YQ==","limit":1.5}',
    '{"key":"YQ==","key":"Yg=="}',
    '{"key":"YQ==","limit":" 1"}',
    '{"compare":[{"key":"YQ==","version":1,"value":"YQ=="}]}',
    '{"compare":[null]}',
    "null",
    b'{"key":"\xff"}',
    "auth/status",
    "maintenance/hashkv",
    "maintenance/downgrade",
    "maintenance/alarm",
}


def plain(value):
    """Without what is each server's own, and without revisions of 3.4's header in Alarm."""
    if isinstance(value, dict):
        own = ("cluster_id", "member_id", "raft_term", "ID")
        return {k: plain(v) for k, v in value.items() if k not in own}
    return [plain(v) for v in value] if isinstance(value, list) else value


def is_about_json(message):
    """Said by the JSON library: clients look at these for what they are, not for their words."""
    words = ("proto:", "invalid character", "unexpected EOF", "json:", "illegal base64", "bad input")
    return any(word in message for word in words)


def compare(shown, ours, theirs, version):
    if ours.headers.get("content-type") != "application/json":
        same(ours.status, theirs.status, shown)
        return
    mine = ours.json()
    if "error" not in mine:
        same((ours.status, plain(mine)), (theirs.status, plain(theirs.json())), shown)
        return
    same(mine["error"], mine["message"], f"{shown}: both forms have the text")
    check(theirs.status >= 400, shown, "is refused by us alone:", mine)
    if version == "3.7":
        same(ours.status, theirs.status, f"{shown}: {mine} and {theirs.body!r}")
    if theirs.headers["content-type"] != "application/json":
        return
    other = theirs.json()
    same(mine["code"], other["code"], f"{shown}: {mine} and {other}")
    if not is_about_json(other["message"]):
        same(mine["message"], other["message"], shown)
    elif mine["message"].startswith("proto: (") and "oneof" not in mine["message"]:
        if version == "3.7":
            same(mine["message"], other["message"].replace("\u00a0", " "), shown)


def beside(scratch, version):
    etcd, address, _ = start_etcd(scratch, peer(f"etcd-{version}/etcd"))
    try:
        server = serve(scratch)
        for path, message in REQUESTS:
            if version == "3.4" and (path in OF_37_ONLY or str(message) in map(str, OF_37_ONLY)):
                continue
            found = [post(where, "/v3/" + path, message) for where in (server.address, address)]
            compare(f"{path} {message}", *found, version)
    finally:
        etcd.kill()
        etcd.wait()


@test("every request in JSON is answered as by etcd 3.7")
def beside_37(scratch):
    beside(scratch, "3.7")


@test("every request in JSON is answered with what etcd 3.4 answers, in its form")
def beside_34(scratch):
    beside(scratch, "3.4")


class Stream:
    """A POST whose answer is read chunk by chunk, as the clients of the gateway do."""

    def __init__(self, address, path, *messages, more=False):
        host, port = address.split(":")
        self.socket = socket.create_connection((host, int(port)), 10)
        self.rest = b""
        head = f"POST {path} HTTP/1.1\r\nHost: {address}\r\nTransfer-Encoding: chunked\r\n\r\n"
        self.socket.sendall(head.encode())
        for message in messages:
            self.send(message)
        if not more:
            self.socket.sendall(b"0\r\n\r\n")
        self.head = None

    def send(self, message):
        text = json.dumps(message).encode()
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(text), text))

    def _until(self, end):
        while end not in self.rest:
            piece = self.socket.recv(65536)
            check(piece, "closed after", self.rest)
            self.rest += piece
        found, _, self.rest = self.rest.partition(end)
        return found

    def chunk(self):
        """The next chunk; None: it was the last."""
        if self.head is None:
            self.head = self._until(b"\r\n\r\n").decode()
        size = int(self._until(b"\r\n"), 16)
        while len(self.rest) < size + 2:
            piece = self.socket.recv(65536)
            check(piece, "closed within a chunk")
            self.rest += piece
        found, self.rest = self.rest[:size], self.rest[size + 2 :]
        return found if size else None

    def message(self):
        chunk = self.chunk()
        check(chunk is not None, "the stream has ended")
        check(chunk.endswith(b"\n"), "a message ends in a line's end:", chunk[-100:])
        return json.loads(chunk)

    def close(self):
        self.socket.close()


@test("a watch in JSON: each message is one chunk, small or large, and comes at once")
def watch(scratch):
    server = serve(scratch)
    create = {"create_request": {"key": A, "range_end": Z, "start_revision": "1"}}
    post(server.address, "/v3/kv/put", {"key": A, "value": b64("old")})
    with contextlib.closing(Stream(server.address, "/v3/watch", create)) as stream:
        same(stream.message()["result"]["created"], True)
        has(stream.head, "HTTP/1.1 200", "Content-Type: application/json")
        first = stream.message()["result"]["events"]
        same(first[0]["kv"]["value"], b64("old"))
        value = "x" * 300_000
        post(server.address, "/v3/kv/put", {"key": B, "value": b64(value)})
        event = stream.message()["result"]["events"][0]
        same(event["kv"]["key"], B)
        same(len(event["kv"]["value"]), len(b64(value)))
        post(server.address, "/v3/kv/deleterange", {"key": B})
        event = stream.message()["result"]["events"][0]
        same((event["type"], event["kv"]["key"]), ("DELETE", B))
    with contextlib.closing(Stream(server.address, "/v3beta/watch", create)) as stream:
        same(stream.message()["result"]["created"], True)


@test("a watch in JSON takes further requests on its stream, and tells of faults in it")
def watch_requests(scratch):
    server = serve(scratch)
    create = {"create_request": {"key": A, "watch_id": "7"}}
    with contextlib.closing(Stream(server.address, "/v3/watch", create, more=True)) as stream:
        same(stream.message()["result"]["watch_id"], "7")
        stream.send({"create_request": {"key": B}})
        same(stream.message()["result"]["created"], True)
        stream.send({"cancel_request": {"watch_id": 7}})
        result = stream.message()["result"]
        same((result["canceled"], result["watch_id"]), (True, "7"))
        stream.send(["no request"])
        error = stream.message()["error"]
        same((error["code"], error["grpc_code"], error["http_code"]), (3, 3, 400))
        same(stream.chunk(), None, "that ends it")


@test("keep-alive, observe and snapshot in JSON are lines of results")
def other_streams(scratch):
    server = serve(scratch)
    where = server.address
    post(where, "/v3/lease/grant", {"ID": "7", "TTL": "500"})
    messages = [{"ID": "7"}, {"ID": 8}, {"ID": "7"}]
    with contextlib.closing(Stream(where, "/v3/lease/keepalive", *messages)) as stream:
        results = [stream.message()["result"] for _ in messages]
        same([(r["ID"], r.get("TTL")) for r in results], [("7", "500"), ("8", None), ("7", "500")])
        same(stream.chunk(), None)
    with contextlib.closing(Stream(where, "/v3/election/observe", {"name": b64("v")})) as stream:
        post(where, "/v3/election/campaign", {"name": b64("v"), "lease": "7", "value": b64("me")})
        same(stream.message()["result"]["kv"]["value"], b64("me"))
    with contextlib.closing(Stream(where, "/v3/maintenance/snapshot", {})) as stream:
        blob, left = b"", None
        for chunk in iter(stream.chunk, None):
            result = json.loads(chunk)["result"]
            blob += base64.b64decode(result.get("blob", ""))
            left = result.get("remaining_bytes", "0")
    same(left, "0")
    same(hashlib.sha256(blob[:-32]).digest(), blob[-32:], "the snapshot ends in its digest")


def stream_lines(address, path, messages, count):
    with contextlib.closing(Stream(address, path, *messages)) as stream:
        return [plain(json.loads(stream.chunk())) for _ in range(count)]


WATCHES = [
    ([{"create_request": {"key": A, "range_end": Z, "start_revision": "2"}}], 2),
    ([{"create_request": {"key": A, "start_revision": "2", "filters": ["NOPUT"]}}], 1),
    ([{"create_request": {"key": A, "prev_kv": True, "start_revision": "3"}}], 2),
    ([{"create_request": {"key": A, "watch_id": "5"}}, {"cancel_request": {"watch_id": "5"}}], 2),
    ([{"create_request": {"key": Z, "range_end": A}}], 1),
]


@test("streams in JSON have the messages that they have with etcd 3.7")
def streams_beside_37(scratch):
    etcd, address, _ = start_etcd(scratch, peer("etcd-3.7/etcd"))
    try:
        server = serve(scratch)
        for where in (server.address, address):
            for value in ("1", "2"):
                post(where, "/v3/kv/put", {"key": A, "value": b64(value)})
        for messages, count in WATCHES:
            ours, theirs = (
                stream_lines(where, "/v3/watch", messages, count)
                for where in (server.address, address)
            )
            same(ours, theirs, str(messages))
    finally:
        etcd.kill()
        etcd.wait()


@test("a list of 20,000 keys comes whole, as JSON")
def large_list(scratch):
    server = serve(scratch)
    puts = [{"request_put": {"key": b64(f"k{i:03}"), "value": b64("v" * 100)}} for i in range(128)]
    for batch in range(160):
        for i, put in enumerate(puts):
            put["request_put"]["key"] = b64(f"k{batch:03}{i:03}")
        same(post(server.address, "/v3/kv/txn", {"success": puts}).status, 200)
    answer = post(server.address, "/v3/kv/range", {"key": b64("k"), "range_end": b64("l")})
    found = answer.json()
    same((answer.status, found["count"], len(found["kvs"])), (200, "20480", 20480))
    keys = [kv["key"] for kv in found["kvs"]]
    same(keys, [b64(f"k{b:03}{i:03}") for b in range(160) for i in range(128)], "in order")


@test("the identity of a call in JSON is its token, or nobody (CVE-2018-16886)")
def identity(scratch):
    server = serve(scratch)
    where = server.address
    for path, message in [
        ("auth/user/add", {"name": "root", "password": "pw"}),
        ("auth/user/grant", {"user": "root", "role": "root"}),
        ("auth/enable", {}),
    ]:
        same(post(where, "/v3/" + path, message).status, 200, path)
    refused = post(where, "/v3/kv/range", {"key": A})
    same((refused.status, refused.json()["error"]), (400, "etcdserver: user name is empty"))
    wrong = post(where, "/v3/auth/authenticate", {"name": "root", "password": "no"})
    same(wrong.status, 400)
    token = post(where, "/v3/auth/authenticate", {"name": "root", "password": "pw"}).json()["token"]
    for headers in (
        {"Authorization": token},
        {"Grpc-Metadata-Token": token},
        {"grpc-metadata-authorization": token},
    ):
        same(post(where, "/v3/kv/range", {"key": A}, headers).status, 200, headers)
    bad = post(where, "/v3/kv/range", {"key": A}, {"Authorization": "no"})
    same((bad.status, bad.json()["code"]), (401, 16))
    same(bad.headers["www-authenticate"], "etcdserver: invalid auth token")


@test("--host-whitelist: a Host that is not ours is misdirected, in etcd's words (CVE-2018-1099)")
def hosts(scratch):
    server = serve(scratch, "--host-whitelist", "db.example,10.1.2.3")
    for host in ("db.example", "db.example:2379", "10.1.2.3:1"):
        same(ask(server.address, "GET", "/health", headers={"Host": host}).status, 200, host)
        answer = post(server.address, "/v3/kv/put", {"key": A}, {"Host": host})
        same(answer.status, 200, host)
    for host in ("evil.example", "127.0.0.1:2379", "localhost", "db.example.evil"):
        for path in ("/health", "/version", "/v3/kv/range", "/metrics", "/nope"):
            answer = ask(server.address, "GET", path, headers={"Host": host})
            same(answer.status, 421, f"{host} {path}")
        name = host.split(":")[0]
        has(answer.body.decode(), "CVE-2018-5702", f'etcd --host-whitelist "{name}"\n')
        check("access-control-allow-origin" not in answer.headers, "nobody may read it")


@test("the refusal of a Host is etcd 3.7's byte for byte")
def hosts_beside_37(scratch):
    server = serve(scratch, "--host-whitelist", "db.example")
    process, address = start_strict_etcd(scratch)
    try:
        for host in ("evil.example:80", "[::1]:2379", "127.0.0.1", 'a"b\\c'):
            ours, theirs = (
                ask(where, "GET", "/health", headers={"Host": host})
                for where in (server.address, address)
            )
            if theirs.status == 400:  # Go takes no such Host
                same(ours.status, 400, host)
                continue
            same((ours.status, ours.body), (theirs.status, theirs.body), host)
            same(ours.headers["content-type"], theirs.headers["content-type"])
    finally:
        process.kill()
        process.wait()


def start_strict_etcd(scratch):
    client, other = free_port(), free_port()
    url, peer_url = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{other}"
    with open(scratch.sub("strict.log"), "wb") as log:
        process = subprocess.Popen(
            [peer("etcd-3.7/etcd"), "--data-dir", scratch.sub("strict")]
            + ["--listen-client-urls", url, "--advertise-client-urls", url]
            + ["--listen-peer-urls", peer_url, "--initial-advertise-peer-urls", peer_url]
            + ["--initial-cluster", f"default={peer_url}", "--host-whitelist", "db.example"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    address = f"127.0.0.1:{client}"

    def up():
        try:
            return ask(address, "GET", "/health", headers={"Host": "db.example"}).status == 200
        except OSError:
            return False

    try:
        wait_for(up, 20, "etcd")
    except Exception:
        process.kill()
        raise
    return process, address


@test("--cors: an origin that is not listed reads nothing and changes nothing (CVE-2018-1098)")
def origins(scratch):
    everybody = serve(scratch)
    answer = ask(everybody.address, "GET", "/health", headers={"Origin": "http://x:1"})
    same(answer.headers["access-control-allow-origin"], "*")
    server = scratch.server("--cors", "http://a:1,https://b.example", data="strict", log="strict-log")
    server.start()
    for origin, may in (("http://a:1", True), ("https://b.example", True), ("http://evil", False)):
        headers = {"Origin": origin}
        answer = ask(server.address, "OPTIONS", "/v3/kv/put", headers=headers)
        same(answer.status, 200, origin)
        same(answer.headers.get("access-control-allow-origin"), origin if may else None)
        answer = ask(server.address, "GET", "/health", headers=headers)
        same((answer.status, "access-control-allow-origin" in answer.headers), (200, may), origin)
        answer = post(server.address, "/v3/kv/put", {"key": A, "value": b64(origin)}, headers)
        same(answer.status, 200 if may else 403, origin)
    same(post(server.address, "/v3/kv/put", {"key": A}).status, 200, "no browser")
    own = {"Origin": server.url}
    same(post(server.address, "/v3/kv/put", {"key": A}, own).status, 200, "a page of ours")


@test("the gateway can be switched off, and /v3alpha on; a path is cleaned first")
def switches(scratch):
    off = serve(scratch, "--enable-grpc-gateway=false")
    answer = post(off.address, "/v3/kv/put", {"key": A})
    same((answer.status, answer.body), (404, b"404 page not found\n"))
    alpha = scratch.server("--enable-v3alpha", data="alpha", log="alpha-log")
    alpha.start()
    for path in ("/v3", "/v3beta", "/v3alpha"):
        same(post(alpha.address, path + "/kv/put", {"key": A}).status, 200, path)
    answer = ask(alpha.address, "POST", "//v3/./kv/x/../put", "{}")
    same((answer.status, answer.headers["location"]), (307, "/v3/kv/put"))


@test("bodies that never end, that nest without end or that are too large cost little and are told so")
def bodies(scratch):
    server = serve(scratch)
    deep = '{"success":[{"request_txn":' * 200 + "{}" + "}]}" * 200
    answer = post(server.address, "/v3/kv/txn", deep)
    same((answer.status, answer.json()["code"]), (400, 3))
    has(answer.json()["message"], "exceeded max recursion depth")
    answer = post(server.address, "/v3/kv/put", '{"x":' + "[" * 100_000)
    same(answer.status, 400)
    answer = post(server.address, "/v3/kv/put", {"key": A, "value": b64("x" * 1_600_000)})
    same((answer.status, answer.json()["error"]), (400, "etcdserver: request is too large"))
    answer = post(server.address, "/v3/kv/put", {"key": A, "value": b64("x" * 2_200_000)})
    same((answer.status, answer.json()["code"]), (429, 8))
    has(answer.json()["error"], "received message larger than max (")
    with socket.create_connection(("127.0.0.1", server.port), 10) as s:
        s.sendall(b"POST /v3/kv/put HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        end = time.monotonic() + 20
        try:
            while time.monotonic() < end:
                s.sendall(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        except OSError:
            pass
        check(time.monotonic() < end, "white space without end is taken")
    server.must_live()
