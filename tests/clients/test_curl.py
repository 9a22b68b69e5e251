"""curl: the JSON gateway and what is beside it, over HTTP/1.1 and HTTP/2."""

import base64
import json

from harness import check, has, run, same, test, wait_for
from live import Live
from setting import program

CURL = program("usr/bin/curl")


def b64(text):
    return base64.b64encode(text.encode()).decode()


def text_of(encoded):
    return base64.b64decode(encoded).decode()


def curl(server, path, body=None, *options):
    """Return (status, body) of an answer; a body makes it a POST."""
    given = [CURL, "-s", "-w", "\n%{http_code}", *options, server.url + path]
    if body is not None:
        given[1:1] = ["-d", body if isinstance(body, str) else json.dumps(body)]
    status, out, err = run(given)
    check(status == 0, f"curl ended with {status}: {err.decode()}")
    answer, _, code = out.decode().rpartition("\n")
    return int(code), answer


def post(server, path, body, *options):
    """Return the JSON of an answer that must be good."""
    code, answer = curl(server, path, body, *options)
    same(code, 200, f"{path} answers {answer}")
    return json.loads(answer)


def put(server, key, value, **more):
    return post(server, "/v3/kv/put", {"key": b64(key), "value": b64(value), **more})


@test("put, range, txn, deleterange and compaction; 64-bit numbers are strings, zeros left out")
def keys(scratch):
    server = scratch.server()
    header = put(server, "a", "1")["header"]
    check(
        all(
            isinstance(header[name], str)
            for name in ("cluster_id", "member_id", "revision", "raft_term")
        ),
        "the header is",
        header,
    )
    found = put(server, "a", "2", prev_kv=True)["prev_kv"]
    same(
        found,
        {
            "key": b64("a"),
            "create_revision": "2",
            "mod_revision": "2",
            "version": "1",
            "value": b64("1"),
        },
    )
    put(server, "b", "")
    found = post(server, "/v3/kv/range", {"key": b64("a"), "range_end": b64("z"), "limit": "1"})
    same((found["count"], found["more"], len(found["kvs"])), ("2", True, 1))
    found = post(server, "/v3/kv/range", {"key": b64("b"), "keysOnly": True, "no such field": 1})
    check("value" not in found["kvs"][0], "an empty value is", found)
    same(sorted(post(server, "/v3/kv/range", {"key": b64("none")})), ["header"])
    txn = {
        "compare": [{"target": "VALUE", "key": b64("a"), "value": b64("2"), "result": "EQUAL"}],
        "success": [
            {"requestPut": {"key": b64("a"), "value": b64("3")}},
            {"request_range": {"key": b64("a")}},
        ],
        "failure": [{"requestDeleteRange": {"key": b64("a")}}],
    }
    done = post(server, "/v3/kv/txn", txn)
    same((done["succeeded"], len(done["responses"])), (True, 2))
    same(text_of(done["responses"][1]["response_range"]["kvs"][0]["value"]), "3")
    done = post(server, "/v3/kv/txn", txn)
    check("succeeded" not in done, "false is shown in", done)
    same(done["responses"][0]["response_delete_range"]["deleted"], "1")
    revision = done["header"]["revision"]
    post(server, "/v3/kv/compaction", {"revision": revision, "physical": True})
    code, answer = curl(server, "/v3/kv/range", {"key": b64("b"), "revision": "2"})
    same(code, 400)
    has(answer, "mvcc: required revision has been compacted")


@test("a refusal has etcd's text and code in its body")
def refusals(scratch):
    server = scratch.server()
    code, answer = curl(server, "/v3/kv/put", {})
    told = json.loads(answer)
    same((code, told["code"], told["message"]), (400, 3, "etcdserver: key is not provided"))
    if scratch.kind != "etcd-3.7":
        same(told["error"], told["message"])
    code, answer = curl(server, "/v3/lease/revoke", {"ID": "12345"})
    told = json.loads(answer)
    same((code, told["code"], told["message"]), (404, 5, "etcdserver: requested lease not found"))
    same(curl(server, "/v3/kv/range", "{not json")[0], 400)
    same(curl(server, "/v3/kv/range", {"key": "not*base64"})[0], 400)
    same(curl(server, "/v3/nothing", {})[0], 404)
    same(curl(server, "/v3/kv/range")[0], 405 if scratch.kind == "etcd-3.4" else 501)


@test("a watch is one line of JSON for each answer, at once, from the past and from now")
def watch(scratch):
    server = scratch.server()
    put(server, "w/a", "1")
    create = {
        "create_request": {
            "key": b64("w/"),
            "range_end": b64("w0"),
            "start_revision": "2",
            "prev_kv": True,
        }
    }
    given = [CURL, "-sN", "-d", json.dumps(create), server.url + "/v3/watch"]
    with Live(given) as watching:
        first = json.loads(watching.until("\n"))["result"]
        same((first["created"], "events" in first, "watch_id" in first), (True, False, False))
        event = json.loads(watching.until("\n"))["result"]["events"][0]
        same((text_of(event["kv"]["value"]), "type" in event), ("1", False))
        put(server, "w/a", "2")
        event = json.loads(watching.until("\n"))["result"]["events"][0]
        same((text_of(event["kv"]["value"]), text_of(event["prev_kv"]["value"])), ("2", "1"))
        post(server, "/v3/kv/deleterange", {"key": b64("w/a")})
        event = json.loads(watching.until("\n"))["result"]["events"][0]
        same((event["type"], "value" in event["kv"]), ("DELETE", False))
    post(server, "/v3/kv/compaction", {"revision": "4"})
    with Live(given) as watching:
        result = [json.loads(watching.until("\n"))["result"]]
        if "canceled" not in result[0]:
            result.append(json.loads(watching.until("\n"))["result"])
        same((result[-1]["canceled"], result[-1]["compact_revision"]), (True, "4"))


@test("lease grant, keepalive, timetolive, leases and revoke, under their old paths as well")
def leases(scratch):
    server = scratch.server()
    lease = post(server, "/v3/lease/grant", {"TTL": "60"})
    same(lease["TTL"], "60")
    number = lease["ID"]
    put(server, "a", "1", lease=number)
    same(post(server, "/v3/lease/keepalive", {"ID": number})["result"]["TTL"], "60")
    for path in ("/v3/lease/timetolive", "/v3/kv/lease/timetolive"):
        told = post(server, path, {"ID": number, "keys": True})
        same((told["grantedTTL"], told["keys"]), ("60", [b64("a")]))
    for path in ("/v3/lease/leases", "/v3/kv/lease/leases"):
        same(post(server, path, {})["leases"], [{"ID": number}])
    post(server, "/v3/kv/lease/revoke", {"ID": number})
    same(post(server, "/v3/lease/timetolive", {"ID": number})["TTL"], "-1")
    check(
        "TTL" not in post(server, "/v3/lease/keepalive", {"ID": number})["result"],
        "a dead lease was kept alive",
    )
    short = post(server, "/v3/lease/grant", {"TTL": 3})["ID"]
    put(server, "short", "1", lease=short)
    wait_for(
        lambda: "kvs" not in post(server, "/v3/kv/range", {"key": b64("short")}),
        20,
        "the lease's end",
    )


@test("lock and election")
def lock_and_election(scratch):
    server = scratch.server()
    lease = post(server, "/v3/lease/grant", {"TTL": 60})["ID"]
    key = post(server, "/v3/lock/lock", {"name": b64("doors"), "lease": lease})["key"]
    same(text_of(key), f"doors/{int(lease):x}")
    post(server, "/v3/lock/unlock", {"key": key})
    leader = post(
        server, "/v3/election/campaign", {"name": b64("post"), "lease": lease, "value": b64("ann")}
    )["leader"]
    same((text_of(leader["name"]), text_of(leader["key"])), ("post", f"post/{int(lease):x}"))
    post(server, "/v3/election/proclaim", {"leader": leader, "value": b64("anna")})
    found = post(server, "/v3/election/leader", {"name": b64("post")})["kv"]
    same(text_of(found["value"]), "anna")
    with Live(
        [CURL, "-sN", "-d", json.dumps({"name": b64("post")}), server.url + "/v3/election/observe"]
    ) as observer:
        same(text_of(json.loads(observer.until("\n"))["result"]["kv"]["value"]), "anna")
    post(server, "/v3/election/resign", {"leader": leader})
    code, answer = curl(server, "/v3/election/leader", {"name": b64("post")})
    same((code, json.loads(answer)["message"]), (500, "election: no leader"))


@test("users and roles by name and password, then by a token in the header Authorization")
def auth(scratch):
    server = scratch.server()
    for path, body in [
        ("user/add", {"name": "root", "password": "secret"}),
        ("user/grant", {"user": "root", "role": "root"}),
        ("user/add", {"name": "ann", "password": "pw"}),
        ("role/add", {"name": "reader"}),
        ("role/grant", {"name": "reader", "perm": {"permType": "READ", "key": b64("a")}}),
        ("user/grant", {"user": "ann", "role": "reader"}),
        ("enable", {}),
    ]:
        post(server, "/v3/auth/" + path, body)

    def token(name, password):
        return post(server, "/v3/auth/authenticate", {"name": name, "password": password})["token"]

    root, ann = (
        ["-H", "Authorization: " + token(*who)] for who in (("root", "secret"), ("ann", "pw"))
    )
    body = {"key": b64("a"), "value": b64("1")}
    code, answer = curl(server, "/v3/kv/put", body)
    same((code, json.loads(answer)["message"]), (400, "etcdserver: user name is empty"))
    code, answer = curl(server, "/v3/kv/put", body, *ann)
    same((code, json.loads(answer)["message"]), (403, "etcdserver: permission denied"))
    code, answer = curl(server, "/v3/kv/put", body, "-H", "Authorization: nonsense")
    same((code, json.loads(answer)["message"]), (401, "etcdserver: invalid auth token"))
    post(server, "/v3/kv/put", body, *root)
    same(len(post(server, "/v3/kv/range", {"key": b64("a")}, *ann)["kvs"]), 1)
    code, answer = curl(server, "/v3/auth/authenticate", {"name": "ann", "password": "no"})
    same((code, json.loads(answer)["code"]), (400, 3))
    same(post(server, "/v3/auth/user/list", {}, *root)["users"], ["ann", "root"])
    perm = post(server, "/v3/auth/role/get", {"role": "reader"}, *root)["perm"]
    check(
        perm in ([{"key": b64("a")}], [{"permType": "READ", "key": b64("a")}]), "the right is", perm
    )
    post(server, "/v3/auth/disable", {}, *root)


@test("member list, status, alarms, hash, hashkv, defragment and snapshot")
def maintenance(scratch):
    server = scratch.server("--name", "one")
    put(server, "a", "1")
    members = post(server, "/v3/cluster/member/list", {})["members"]
    same((members[0]["name"], members[0]["clientURLs"]), ("one", [server.url]))
    status = post(server, "/v3/maintenance/status", {})
    same((status["leader"], int(status["dbSize"]) > 0), (status["header"]["member_id"], True))
    same(
        sorted(post(server, "/v3/maintenance/alarm", {}))[-1:],
        [] if scratch.kind == "etcd-3.4" else ["header"],
    )
    check(
        isinstance(post(server, "/v3/maintenance/hash", {})["hash"], int), "the hash is no number"
    )
    post(server, "/v3/maintenance/defragment", {})
    with Live([CURL, "-sN", "-d", "{}", server.url + "/v3/maintenance/snapshot"]) as snapshot:
        part = json.loads(snapshot.until("\n"))["result"]
        check(len(base64.b64decode(part["blob"])) > 0, "the first part is empty")
    scratch.not_on("etcd-3.4", "has no hashkv in its gateway")
    same(post(server, "/v3/maintenance/hashkv", {})["compact_revision"] != "0", True)


@test("/version, /health, /metrics; HTTP/2 by prior knowledge, an upgrade that is not taken; CORS")
def beside(scratch):
    server = scratch.server()
    numbers = json.loads(curl(server, "/version")[1])
    for name in ("etcdserver", "etcdcluster"):
        check(all(part.isdigit() for part in numbers[name].split(".")), "the version is", numbers)
    same(json.loads(curl(server, "/health")[1])["health"], "true")
    has(curl(server, "/metrics")[1], "\netcd_server_has_leader 1\n")
    raft = json.loads(curl(server, "/debug/vars")[1])["raft.status"]
    same((raft["lead"], raft["raftState"]), (raft["id"], "StateLeader"))
    check(raft["term"] >= 2 and raft["commit"] >= raft["applied"] > 0, "raft.status is", raft)
    # On a plaintext port, etcd takes HTTP/2 for gRPC alone.
    more = ["--http2-prior-knowledge"] if scratch.kind == "moat" else []
    for option in ["--http2", "--http1.1", *more]:
        code, answer = curl(server, "/v3/kv/range", {"key": b64("a")}, option)
        same(code, 200, f"{option} {answer}")
    _, out, _ = run(
        [CURL, "-si", "-X", "OPTIONS", "-H", "Origin: http://page", server.url + "/v3/kv/put"]
    )
    has(out.decode(), "Access-Control-Allow-Origin: *", "Access-Control-Allow-Methods: POST, GET")
    given = ["--cors", "http://page:80", "--host-whitelist", "good.host,127.0.0.1"]
    narrow = scratch.server(*given, data="data2", log="log2")
    _, out, _ = run([CURL, "-si", "-H", "Origin: http://other", narrow.url + "/version"])
    check("Access-Control-Allow-Origin" not in out.decode(), "another origin is let in:", out)
    _, out, _ = run([CURL, "-si", "-H", "Host: bad.host", narrow.url + "/version"])
    has(out.decode(), " 421 ", "the Host header was unrecognized")
    _, out, _ = run([CURL, "-si", "-H", "Host: good.host", narrow.url + "/version"])
    has(out.decode(), " 200 ")
