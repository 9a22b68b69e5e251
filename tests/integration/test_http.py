"""Plain HTTP: what curl, load balancers and monitoring ask for, in HTTP/1.1 and HTTP/2."""

import json
import socket
import time

from harness import check, has, run, same, test

VERSIONS = [["--http1.1"], ["--http2-prior-knowledge"], ["--http1.0"]]


class Answer:
    def __init__(self, text):
        head, _, self.body = text.partition("\r\n\r\n")
        lines = head.split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            self.headers[name.lower()] = value.strip()


def curl(server, path, *options):
    status, out, err = run(["curl", "-s", "-i", "-m", "10", *options, server.url + path])
    check(status == 0, f"curl {options} {path}: exit status {status}, {err.decode()}")
    return Answer(out.decode())


def serve(scratch, *flags):
    server = scratch.server(*flags)
    server.start()
    return server


@test("/version, /health, /livez and /readyz answer as etcd does, in each version of HTTP")
def routes(scratch):
    server = serve(scratch)
    for version in VERSIONS:
        answer = curl(server, "/version", *version)
        same((answer.status, answer.headers["content-type"]), (200, "application/json"), version)
        same(
            {k: v for k, v in json.loads(answer.body).items() if k != "moat"},
            {"etcdserver": "3.7.0", "etcdcluster": "3.7.0", "storage": "3.7.0"},
        )
        for path in ("/health", "/health?serializable=true", "/health?exclude=NOSPACE"):
            answer = curl(server, path, *version)
            same((answer.status, json.loads(answer.body)), (200, {"health": "true", "reason": ""}))
        for path in ("/livez", "/readyz", "/readyz/linearizable_read", "/livez/serializable_read"):
            answer = curl(server, path, *version)
            same((answer.status, answer.body), (200, "ok\n"), path)
        body = curl(server, "/readyz?verbose", *version).body
        same(
            body,
            "[+]data_corruption ok\n[+]linearizable_read ok\n[+]non_learner ok\n"
            "[+]serializable_read ok\nok\n",
        )
        body = curl(server, "/readyz?verbose&exclude=non_learner&exclude=data_corruption").body
        same(body, "[+]linearizable_read ok\n[+]serializable_read ok\nok\n")
        same(curl(server, "/livez?verbose", *version).body, "[+]serializable_read ok\nok\n")


@test("what is not there is 404, a wrong method 405, and HEAD has headers alone")
def refusals(scratch):
    server = serve(scratch)
    for version in VERSIONS:
        for path in ("/nope", "/", "/versionx", "/version/", "/readyz/nope"):
            answer = curl(server, path, *version)
            same((answer.status, answer.body), (404, "404 page not found\n"), f"{version} {path}")
        if "--http2-prior-knowledge" not in version:
            answer = curl(server, "/version", "-X", "DELETE", *version)
            same((answer.status, answer.headers.get("allow")), (405, "GET"), version)
    same(curl(server, "/version", "-d", "x=1").status, 405, "with a body")
    answer = curl(server, "/version", "-X", "POST", "--http2-prior-knowledge")
    same((answer.status, answer.headers["grpc-status"]), (415, "3"), "only gRPC has POST in HTTP/2")
    answer = curl(server, "/version", "--head")
    same((answer.status, answer.body), (405, ""), "etcd takes GET alone")
    same(curl(server, "/health").headers["access-control-allow-origin"], "*")


@test("one connection serves many requests, pipelined ones too, and a body does no harm")
def keep_alive(scratch):
    server = serve(scratch)
    urls = [server.url + "/livez", server.url + "/readyz"]
    status, out, _ = run(["curl", "-s", "-m", "10", "-w", "%{num_connects} ", *urls])
    same((status, out.decode()), (0, "ok\n1 ok\n0 "), "the second request needs no new connection")
    answer = curl(server, "/livez", "-X", "GET", "--data-binary", "@/proc/self/cmdline")
    same(answer.status, 200)
    with socket.create_connection(("127.0.0.1", server.port), 5) as s:
        s.sendall(b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n" * 20)
        got = b""
        while got.count(b"ok\n") < 20:
            piece = s.recv(65536)
            check(piece, "closed after", got.count(b"ok\n"), "answers")
            got += piece


BAD = [
    (b"GET\r\n\r\n", "no target"),
    (b"GET  /livez HTTP/1.1\r\nHost: a\r\n\r\n", "two spaces"),
    (b"GET /livez HTTP/1.1\r\n\r\n", "no Host (RFC 9112 3.2)"),
    (b"GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "two Hosts"),
    (b"GET /livez HTTP/9.9\r\nHost: a\r\n\r\n", "no such version"),
    (
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc",
        "a space before the colon",
    ),
    (
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "two lengths",
    ),
    (
        b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n",
        "a length and chunks",
    ),
    (b"GET /livez HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", "a negative length"),
    (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", "a NUL"),
    (b"GET /livez HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", "a folded line"),
    (b"GET /" + b"a" * 20000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", "20 kB of target"),
    (b"GET /livez HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 20000 + b"\r\n\r\n", "20 kB of header"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 100, "a TLS hello"),
    (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", "half a preface"),
]


@test("requests that RFC 9112 forbids are refused, and their connection is closed")
def bad_requests(scratch):
    server = serve(scratch)
    for data, what in BAD:
        with socket.create_connection(("127.0.0.1", server.port), 5) as s:
            s.sendall(data)
            begun = time.monotonic()
            got = b""
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    got += piece
            except ConnectionResetError:
                pass
            except TimeoutError:
                check(False, f"{what}: neither refused nor closed; it said {got!r}")
            check(b" 200 " not in got, f"{what}: was served: {got!r}")
            check(time.monotonic() - begun < 5, f"{what}: was closed only by a timeout")
            if got and not got.startswith(b"\0"):
                has(got.decode("latin-1"), "HTTP/1.1 ", "Connection: close")
    same(curl(server, "/livez").body, "ok\n")
