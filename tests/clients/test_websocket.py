"""python3-websocket: the JSON gateway's streams as a browser has them."""

import base64
import json
import socket

from harness import check, has, run, same, test, wait_for
from setting import python_module

websocket = python_module("websocket")
EVENT_S_MAX = 30
TEXT, CLOSE, PING, PONG = 1, 8, 9, 10


def b64(text):
    return base64.b64encode(text.encode()).decode()


def connect(server, path, **options):
    return websocket.create_connection(
        f"ws://{server.address}{path}", timeout=EVENT_S_MAX, **options
    )


def say(connection, message):
    connection.send(json.dumps(message))


def hear(connection):
    opcode, data = connection.recv_data(control_frame=True)
    same(opcode, TEXT, f"what came is {data!r}")
    return json.loads(data)


def post(server, path, body):
    given = json.dumps(body).encode()
    status, out, err = run(["curl", "-sS", "-d", "@-", server.url + path], input=given)
    same(status, 0, err.decode())
    return json.loads(out)


@test("a watch: created, events, another on the same stream, both cancelled")
def watch(scratch):
    server = scratch.server()
    stream = connect(server, "/v3/watch")
    say(stream, {"create_request": {"key": b64("a")}})
    same(hear(stream)["result"]["created"], True)
    stream.send_binary(json.dumps({"create_request": {"key": b64("b")}}))
    same(hear(stream)["result"]["watch_id"], "1")
    for key in "ab":
        post(server, "/v3/kv/put", {"key": b64(key), "value": b64("x\ny")})
        event = hear(stream)["result"]["events"][0]
        same((event["kv"]["key"], event["kv"]["value"]), (b64(key), b64("x\ny")))
    say(stream, {"cancel_request": {"watch_id": 1}})
    same(hear(stream)["result"]["canceled"], True)
    stream.close()


@test("messages in fragments, two in one message, and a large one back")
def pieces(scratch):
    server = scratch.server()
    stream = connect(server, "/v3/watch")
    text = json.dumps({"create_request": {"key": b64("a")}})
    stream.send_frame(websocket.ABNF.create_frame(text[:9], TEXT, 0))
    stream.ping("between")
    stream.send_frame(websocket.ABNF.create_frame(text[9:], websocket.ABNF.OPCODE_CONT, 1))
    same(stream.recv_data(control_frame=True), (PONG, b"between"))
    same(hear(stream)["result"]["created"], True)
    stream.send(text + text)
    same([hear(stream)["result"]["watch_id"] for _ in "12"], ["1", "2"])
    big = "v" * 300_000
    post(server, "/v3/kv/put", {"key": b64("a"), "value": b64(big)})
    for _ in range(3):
        same(hear(stream)["result"]["events"][0]["kv"]["value"], b64(big))
    stream.close()


@test("a lease is kept alive; a close is answered, and ends the call")
def keep_alive(scratch):
    server = scratch.server()
    lease = post(server, "/v3/lease/grant", {"TTL": 600})["ID"]
    stream = connect(server, "/v3/lease/keepalive")
    for _ in range(3):
        say(stream, {"ID": lease})
        same(hear(stream)["result"]["TTL"], "600")
    stream.send_close(1000, b"done")
    opcode, data = stream.recv_data(control_frame=True)
    same((opcode, data[:2]), (CLOSE, b"\x03\xe8"))
    stream.shutdown()


@test("a path that is none, and what is no JSON, are told in a message, and that is the end")
def refusals(scratch):
    server = scratch.server()
    stream = connect(server, "/v3/nothing")
    opcode, data = stream.recv_data(control_frame=True)
    same(opcode, TEXT)
    has(data.decode(), "Not Found")
    ends(stream)
    if scratch.kind != "etcd-3.7":  # which says nothing and waits for ever
        stream = connect(server, "/v3/watch")
        stream.send('{"create_request":}')
        has(stream.recv(), '"error":')
        ends(stream)


def ends(stream):
    """A Close, which etcd does not send, or the end of the connection."""
    try:
        same(stream.recv_data(control_frame=True)[0], CLOSE)
    except websocket.WebSocketConnectionClosedException:
        pass
    stream.shutdown()


@test("the token is in the subprotocol")
def token(scratch):
    server = scratch.server()
    post(server, "/v3/auth/user/add", {"name": "root", "password": "r"})
    post(server, "/v3/auth/role/add", {"name": "root"})
    post(server, "/v3/auth/user/grant", {"user": "root", "role": "root"})
    post(server, "/v3/auth/enable", {})
    good = post(server, "/v3/auth/authenticate", {"name": "root", "password": "r"})["token"]
    stream = connect(server, "/v3/watch", subprotocols=["Bearer", good])
    same(stream.getsubprotocol().lower(), "bearer")
    say(stream, {"create_request": {"key": b64("a")}})
    if scratch.kind != "etcd-3.4":  # which takes "Bearer " for a part of the token
        check("canceled" not in hear(stream)["result"], "the watch is refused")
    stream.close()
    stream = connect(server, "/v3/watch", subprotocols=["Bearer", "wrong"])
    say(stream, {"create_request": {"key": b64("a")}})
    has(json.dumps(hear(stream)), "invalid auth token")
    stream.shutdown()


HANDSHAKE = {
    "Host": "localhost",
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def raw(server, headers, behind=b"", method="GET"):
    """Shake hands by hand; return all that comes until the end, or a whole refusal."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", server.port), timeout=EVENT_S_MAX) as stream:
        stream.sendall(f"{method} /v3/watch HTTP/1.1\r\n{head}\r\n".encode() + behind)
        got = b""
        while not got.endswith((b"Bad Request\n", b"Method Not Allowed\n")):
            more = stream.recv(65536)
            if not more:
                break
            got += more
        return got


@test("handshakes that are none: 400 and 405, with the version that is spoken")
def handshakes(scratch):
    server = scratch.server()
    for change, method, status in (
        ({"Sec-WebSocket-Version": "8"}, "GET", b"400"),
        ({"Sec-WebSocket-Key": ""}, "GET", b"400"),
        ({}, "POST", b"405"),
    ):
        said = raw(server, {**HANDSHAKE, **change}, method=method)
        check(said.startswith(b"HTTP/1.1 " + status), f"{change} {method} answers", said)
        check(b"\r\nSec-Websocket-Version: 13\r\n" in said, "without the version", said)


@test("what is not masked closes with 1002, a message that is too long with 1009")
def faults(scratch):
    for kind in ("etcd-3.4", "etcd-3.7"):
        scratch.not_on(kind, "ends the connection without a word, or takes it all")
    server = scratch.server()
    said = raw(server, HANDSHAKE, b"\x81\x02{}")
    check(said.endswith(b"\r\n\r\n\x88\x02\x03\xea"), "not masked", said)
    said = raw(server, HANDSHAKE, b"\x81\xff\0\0\0\0\x40\0\0\0\0\0\0\0")
    check(said.endswith(b"\r\n\r\n\x88\x02\x03\xf1"), "1 GiB", said)


@test("pages of other origins are refused by --cors, foreign hosts by --host-whitelist")
def foreigners(scratch):
    for kind in ("etcd-3.4", "etcd-3.7"):
        scratch.not_on(kind, "lets every origin in")
    server = scratch.server("--cors", "http://good.example", "--host-whitelist", "localhost,127.0.0.1")
    said = raw(server, {**HANDSHAKE, "Origin": "http://good.example"}, b"\x88\x80\0\0\0\0")
    check(said.startswith(b"HTTP/1.1 101 "), "a good origin", said)
    for change, status in (
        ({"Origin": "http://bad.example"}, b"403"),
        ({"Host": "bad.example"}, b"421"),
    ):
        said = raw(server, {**HANDSHAKE, **change, "Connection": "Upgrade, close"})
        check(said.startswith(b"HTTP/1.1 " + status), f"{change} answers", said)


@test("ten thousand pings, and not one answer read, hold nobody else up")
def pings(scratch):
    server = scratch.server()
    stream = connect(server, "/v3/watch")
    for _ in range(10_000):
        stream.ping("x" * 100)
    other = connect(server, "/v3/watch")
    say(other, {"create_request": {"key": b64("a")}})
    same(hear(other)["result"]["created"], True)
    stream.shutdown()
    other.close()
    wait_for(lambda: post(server, "/v3/kv/range", {"key": b64("a")}), EVENT_S_MAX, "an answer")
