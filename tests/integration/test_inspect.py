"""moat ctl du and top: what fills a server, and what keeps it busy."""

import base64
import json
import os
import pty
import select
import signal
import subprocess
import termios
import time

import h2
from etcd import Etcd
from harness import (
    check,
    Failure,
    free_port,
    MOAT,
    peer,
    plain_environment,
    run,
    same,
    terminal_or_leave_out,
    test,
    wait_for,
)
from watching import REQUEST


def ctl(address, *words, **options):
    command = [MOAT, "ctl", "--endpoints", address, *words]
    return run(command, env=plain_environment(), **options)


def good(address, *words):
    status, out, err = ctl(address, *words)
    same((status, err), (0, b""), words)
    return out.decode()


def told(address, *words):
    return json.loads(good(address, *words, "-w", "json"))


def text(field):
    return base64.b64decode(field).decode()


def refused(address, *words):
    """The lines of a refusal: the error, and what explains it."""
    status, out, err = ctl(address, *words)
    same((status, out), (1, b""), words)
    return err.decode().splitlines()


def fill(client):
    for i in range(50):
        client.put(b"/registry/pods/default/p%d" % i, b"v" * 200)
    for _ in range(10):
        client.put(b"/registry/leases/one", b"v")
    client.put(b"/registry/alone", b"v")


@test("moat ctl du adds up to the byte, and its history falls with a compaction")
def du(scratch):
    server = scratch.server()
    server.start()
    with server.client() as client:
        fill(client)
        usage = told(server.address, "du")
        same(text(usage["prefix"]), "/registry/")
        groups = {text(g["prefix"]): g["weight"] for g in usage["groups"]}
        same(list(groups), ["/registry/pods/", "/registry/leases/"], "the largest first")
        same(groups["/registry/leases/"]["revisions"], 10)
        same(groups["/registry/leases/"]["keys"], 1)
        same((usage["total"]["keys"], usage["total"]["revisions"]), (52, 61))
        parts = [*groups.values(), usage["direct"], usage["unsplit"]]
        for what in ("keys", "bytes", "revisions"):
            same(sum(part.get(what, 0) for part in parts), usage["total"][what], what)
        lines = good(server.address, "du", "/registry").splitlines()
        same(lines[0].split(), ["SIZE", "SHARE", "KEYS", "REVISIONS", "CHURN", "PREFIX"])
        same(lines[2].split()[3:], ["1", "10", "9", "/registry/leases/"], lines[2])
        same(lines[-1].split()[2:], ["100.0%", "52", "61", "9", "/registry/"])
        client.compact(62)
        wait_for(
            lambda: told(server.address, "du", "/registry/leases/")["total"]["revisions"] == 1,
            10,
            "the old revisions to go",
        )
        same(text(told(server.address, "du", "--delimiter", "s")["prefix"]), "/regis")


def stuck_watch(address):
    """A watch of /hot/ whose client takes nothing."""
    wire = h2.Wire(address, window=1000).settle()
    create = REQUEST.encode(create={"key": b"/hot/", "range_end": b"/hot0"})
    wire.send(wire.request(1, "/etcdserverpb.Watch/Watch", create, flags=0))
    wire.until(h2.DATA)
    return wire


@test("moat ctl top names the hot prefix, the client that does not read, the big lease")
def top(scratch):
    server = scratch.server()
    server.start()
    with server.client() as client, stuck_watch(server.address) as wire:
        lease = int(good(server.address, "lease", "grant", "600").split()[1], 16)
        for i in range(3):
            client.put(b"/cold/%d" % i, b"v", lease=lease)
        for _ in range(40):
            client.put(b"/hot/key", b"v" * 50000)
        found = told(server.address, "top")
        same(text(found["prefixes"][0]["prefix"]), "/hot/")
        same((found["watchers"], found["watchers_slow"]), (1, 1))
        slow = found["slow"][0]
        same((text(slow["key"]), text(slow["range_end"])), ("/hot/", "/hot0"))
        host, port = wire.socket.getsockname()
        same((slow["stopped"], slow["client"]), (True, f"{host}:{port}"))
        check(0 < slow["behind"] < 40, slow)
        same(slow["revision"] + slow["behind"], found["header"]["revision"])
        check(slow["queued_bytes"] > 1 << 20, slow)
        biggest = found["biggest"]
        same([(entry["ID"], entry["grantedTTL"], entry["keys"]) for entry in biggest],
             [(lease, 600, 3)])
        check(500 < biggest[0]["TTL"] <= 600, biggest)
        out = good(server.address, "top")
        for part in ("/hot/*", "does not read", f"{host}:{port}", "slow watchers: 1 of 1"):
            check(part in out, f"{part!r} is not in", out)


@test("moat ctl prints what moat-explain says; under the name etcdctl it keeps to etcd's line")
def explained(scratch):
    server = scratch.server("--quota-backend-bytes", "4000000")
    server.start()
    with server.client() as client:
        refusal = None
        while not refusal:
            try:
                client.put(b"/big/%d" % time.monotonic_ns(), b"v" * 100_000)
            except client.grpc.RpcError as error:
                refusal = error
    line = "Error: etcdserver: mvcc: database space exceeded"
    first, second = refused(server.address, "put", "a", "b")
    same(first, line)
    check(second.startswith("moat: the quota (--quota-backend-bytes) is used up: "), second)
    check("what takes most: directly below /big/ (" in second, second)
    link = scratch.sub("etcdctl")
    os.symlink(MOAT, link)
    found = run([link, "--endpoints", server.address, "put", "a", "b"], env=plain_environment())
    same(found, (1, b"", line.encode() + b"\n"))


@test("with authentication on, du is for readers of the prefix and top for root")
def permission(scratch):
    server = scratch.server()
    server.start()
    at = server.address
    with server.client() as client:
        fill(client)
    for words in (
        ["user", "add", "root:r"],
        ["user", "add", "ann:a"],
        ["role", "add", "pods"],
        ["role", "grant-permission", "--prefix", "pods", "read", "/registry/pods/"],
        ["user", "grant-role", "ann", "pods"],
        ["auth", "enable"],
    ):
        good(at, *words)
    ann = ["--user", "ann:a"]
    root = ["--user", "root:r"]
    denied = "Error: etcdserver: permission denied"
    same(refused(at, "du")[0], "Error: etcdserver: user name is empty")
    same(refused(at, "top")[0], "Error: etcdserver: user name is empty")
    same(told(at, "du", "/registry/pods/", *ann)["total"]["keys"], 50)
    same(refused(at, "du", *ann)[0], denied)
    same(refused(at, "du", "/registry/pods", *ann)[0], denied)
    same(refused(at, "top", *ann)[0], denied)
    same(told(at, "du", *root)["total"]["keys"], 52)
    check("changes within" in good(at, "top", *root))


def on_terminal(address, number):
    """Let top renew its screen twice, and stop it. Returns all that it wrote."""
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    program = subprocess.Popen(
        [MOAT, "ctl", "--endpoints", address, "top", "--watch", "1"],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=plain_environment(),
    )
    out = b""
    end = time.monotonic() + 30
    try:
        while program.poll() is None:
            if time.monotonic() > end:
                raise Failure("top does not come to its end")
            if select.select([master], [], [], 0.05)[0]:
                out += os.read(master, 65536)
            if out.count(b"\033[J") >= 2:
                program.send_signal(number)
        while select.select([master], [], [], 0)[0]:
            out += os.read(master, 65536)
        same(program.returncode, 0, f"exit status after signal {number}")
        same(termios.tcgetattr(slave), before, "the terminal's settings")
    finally:
        if program.poll() is None:
            program.kill()
        program.wait()
        os.close(master)
        os.close(slave)
    return out


@test("moat ctl top --watch renews a terminal's second screen, and leaves it when stopped")
def watches(scratch):
    terminal_or_leave_out()
    server = scratch.server()
    server.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        out = on_terminal(server.address, number)
        check(out.startswith(b"\033[?1049h\033[?25l\033[?7l"), out)
        check(out.endswith(b"\033[?7h\033[?25h\033[?1049l"), out)
        same(out.count(b"\033[?1049"), 2, "changes of the screen")


@test("asked for du or top, a real etcd is called what it is: not moat")
def not_moat(scratch):
    peer("etcd-3.4/etcd")
    etcd = Etcd(scratch, "3.4", "etcd", f"http://127.0.0.1:{free_port()}")
    etcd.start()
    for words in (["du"], ["du", "/a", "-w", "json"], ["top"], ["top", "--watch"]):
        said = refused(etcd.url, *words)
        check(said[0].startswith("Error: the server is not moat"), said)
        same(len(said), 1, said)
