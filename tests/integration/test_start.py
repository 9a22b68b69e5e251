"""Starts that must fail, each with one sentence that names the place and says what to do."""

import glob
import gzip
import os
import shutil
import socket
import time

import h2
from harness import MOAT, check, free_port, has, run, same, test, wait_for

OPERATOR = (
    "stop that",
    "another",
    "move",
    "replace",
    "restore",
    "remove",
    "run the",
    "use ",
    "give ",
    "free ",
    "choose",
    "name ",
    "check",
    "make ",
)


def explains(sentence, *parts):
    """It has these parts, and tells what to do."""
    has(sentence, *parts)
    check(any(word in sentence.lower() for word in OPERATOR), "says not what to do:", sentence)
    check(len(sentence) < 600, "too long for a sentence:", sentence)


def filled(scratch, *flags, keys=200):
    """A server that ran, has data, and was killed."""
    server = scratch.server(*flags)
    server.start()
    calls = h2.Calls(server.address)
    for n in range(keys):
        calls.call("/etcdserverpb.KV/Put", key=b"k%d" % n, value=b"v" * 1000)
    calls.close()
    server.kill()
    return server


@test("a second process on the same data directory")
def locked(scratch):
    first = scratch.server()
    first.start()
    second = scratch.server(log="second.log")
    explains(second.sentence(), first.data, "in use by another process")
    with first.client() as c:
        c.put(b"k", b"v")
    first.stop()
    second.start()


@test("the data directory of another cluster: its token, or its URLs, differ")
def another_cluster(scratch):
    server = filled(scratch)
    server.flags = ["--initial-cluster-token", "another"]
    explains(server.sentence(), server.data, "cluster")
    server.flags = ["--initial-advertise-peer-urls", "http://127.0.0.9:2380"]
    server.flags += ["--initial-cluster", "default=http://127.0.0.9:2380"]
    explains(server.sentence(), server.data)
    server.flags = []
    server.start()


@test("etcd's own data directory")
def etcd_directory(scratch):
    os.makedirs(scratch.sub("data/member/snap"))
    os.makedirs(scratch.sub("data/member/wal"))
    server = scratch.server()
    explains(server.sentence(), server.data, "etcd", "--data-dir")
    check(not os.path.exists(server.data + "/moat"), "it left something behind there")


def flip(path, at, count=1):
    with open(path, "r+b") as f:
        f.seek(at)
        old = f.read(count)
        f.seek(at)
        f.write(bytes(byte ^ 0x5A for byte in old))


@test("a damaged database: cut short, its header pages overwritten, another program's")
def damaged_database(scratch):
    server = filled(scratch)
    database = server.data + "/moat/db"
    whole = scratch.sub("whole")
    shutil.copyfile(database, whole)

    def again(damage):
        shutil.copyfile(whole, database)
        damage()
        explains(server.sentence(), database)

    again(lambda: os.truncate(database, 5000))
    again(lambda: os.truncate(database, os.path.getsize(whole) // 8192 * 4096))
    again(lambda: (flip(database, 16, 100), flip(database, 4096 + 16, 100)))
    again(lambda: flip(database, 4096 + 30, 30))
    with open(database, "wb") as f:
        f.write(b"SQLite format 3\0" + bytes(100000))
    explains(server.sentence(), database)
    shutil.copyfile(whole, database)
    server.start()


@test("one changed bit in what says whether authentication is on, or in a lease")
def damaged_row(scratch):
    server = filled(scratch, keys=1)
    server.start()
    with server.client() as c:
        c.call("/etcdserverpb.Lease/LeaseGrant", id=0x5EA5E, ttl=1000)
        c.call("/etcdserverpb.Auth/UserAdd", name="root", password="r")
        c.call("/etcdserverpb.Auth/RoleAdd", name="root")
        c.call("/etcdserverpb.Auth/UserGrantRole", user="root", role="root")
        c.call("/etcdserverpb.Auth/AuthEnable")
    server.stop()
    database = server.data + "/moat/db"
    with open(database, "rb") as f:
        whole = f.read()

    def damaged(row):
        data = bytearray(whole)
        at = data.find(row)
        check(at > 0, row, "is not in the file")
        while at >= 0:  # each copy that the file has, current or not
            data[at + len(row) - 1] ^= 1
            at = data.find(row, at + len(row))
        with open(database, "wb") as f:
            f.write(data)
        return server.sentence()

    explains(damaged(b"authEnabled\1"), database, "table meta", "authEnabled", "is damaged")
    lease = (0x5EA5E).to_bytes(8, "big")
    explains(damaged(lease + b"\x08"), database, "table lease", lease.hex(), "is damaged")
    with open(database, "wb") as f:
        f.write(whole)
    server.start()


def newest_segment(server):
    segments = [p for p in glob.glob(server.data + "/moat/wal/*") if os.path.getsize(p) > 1 << 20]
    used = []
    for path in segments:
        with open(path, "rb") as f:
            used.append((len(f.read(1 << 20).rstrip(b"\0")), path))
    return max(used)


@test("a log damaged in its middle is refused with file and offset, an unfinished end is cut")
def damaged_log(scratch):
    server = filled(scratch, keys=300)
    end, segment = newest_segment(server)
    with open(segment, "rb") as f:
        f.seek(end // 2)
        half = f.read(64)
    flip(segment, end // 2, 64)
    # Whatever the database holds already needs no log: take it away, so that all is read.
    os.rename(server.data + "/moat/db", scratch.sub("db"))
    explains(server.sentence(), os.path.basename(segment), "damaged at offset")
    with open(segment, "r+b") as f:
        f.seek(end // 2)
        f.write(half)
    os.rename(scratch.sub("db"), server.data + "/moat/db")
    with open(segment, "r+b") as f:
        f.seek((end + 7) // 8 * 8)
        f.write(os.urandom(100))
    server.start()
    server.logs("wal.torn_tail")
    with server.client() as c:
        same(c.prefix(b"k", count_only=True).count, 300)


@test("files of a newer version")
def newer_version(scratch):
    server = filled(scratch)
    _, segment = newest_segment(server)
    with open(segment, "r+b") as f:
        head = f.read(4096)
        same(crc32c(head[12:]).to_bytes(4, "little"), head[8:12], "the checksum is where we think")
        f.seek(0)
        f.write(newer_header(head))
    explains(server.sentence(), segment, "format", "newer")


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def newer_header(head):
    """A segment's header of the next format version, its checksum right (docs/formats/wal.md)."""
    version = int.from_bytes(head[12:16], "little") + 1
    rest = version.to_bytes(4, "little") + head[16:]
    return head[:8] + crc32c(rest).to_bytes(4, "little") + rest


@test("a data directory that cannot be written")
def read_only(scratch):
    root = scratch.tmpfs("ro", "size=300m")
    server = scratch.server(data=root + "/data")
    server.start()
    with server.client() as c:
        c.put(b"k", b"v")
    server.stop()
    same(run(["mount", "-o", "remount,bind,ro", root])[0], 0)
    explains(server.sentence().lower(), root, "read-only")
    fresh = scratch.server(data=root + "/new")
    explains(fresh.sentence(), root, "read-only")


@test("a disk too full to start on")
def full_disk(scratch):
    root = scratch.tmpfs("full", "size=48k")
    server = scratch.server(data=root + "/data")
    explains(server.sentence(), root, "no space left")


@test("an address in use, one that is not ours, and a socket path that is no socket")
def address_in_use(scratch):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        url = "http://127.0.0.1:%d" % taken.getsockname()[1]
        server = scratch.server("--listen-client-urls", url, "--advertise-client-urls", url)
        explains(server.sentence(), url.removeprefix("http://"), "another program listens there")
        server = scratch.server("--listen-peer-urls", url)
        explains(server.sentence(), url.removeprefix("http://"), "another program listens there")
    url = "http://192.0.2.1:2379"
    server = scratch.server("--listen-client-urls", url, "--advertise-client-urls", url)
    explains(server.sentence(), "192.0.2.1:2379")
    path = scratch.sub("file")
    with open(path, "w", encoding="ascii") as f:
        f.write("precious")
    server = scratch.server(
        "--listen-client-urls", "unix://" + path, "--advertise-client-urls", url
    )
    explains(server.sentence(), path)
    with open(path, encoding="ascii") as f:
        same(f.read(), "precious", "it must not replace what is no socket")
    first = scratch.server("--listen-client-urls", "unix://" + scratch.sub("s"), data="one")
    first.flags += ["--advertise-client-urls", "http://localhost:1"]
    first.spawn()
    while not os.path.exists(scratch.sub("s")):
        time.sleep(0.01)
    second = scratch.server(*first.flags, data="two", log="second.log")
    explains(second.sentence(), scratch.sub("s"), "listens")


@test("wrong flags: usage and status 2; wrong values: a sentence and status 1")
def bad_flags(scratch):
    def wrong(status, *flags):
        server = scratch.server(*flags)
        return server.sentence(status)

    has(wrong(2, "--no-such-flag"), "no-such-flag")
    has(wrong(2, "--snapshot-count", "many"), "snapshot-count", "many")
    has(wrong(2, "--name"), "name")
    has(wrong(2, "--listen-client-urls", "127.0.0.1:2379"), "127.0.0.1:2379")
    has(wrong(1, "--listen-client-urls", "http://example.com:2379"), "example.com")
    has(wrong(1, "--cert-file", "/nowhere"), "cert-file")
    has(wrong(1, "--listen-client-urls", "http://127.0.0.1:1"), "--advertise-client-urls")
    has(
        wrong(1, "--initial-cluster", "other=http://localhost:2380"),
        'couldn\'t find local name "default" in the initial cluster configuration',
    )
    has(wrong(1, "--config-file", scratch.sub("absent.yml")), "absent.yml")
    same(run([MOAT])[0], 2)
    same(run([MOAT, "sing"])[0], 2)
    for word in ("--help", "--version"):
        status, out, err = run([MOAT, "server", word])
        same((status, err), (0, b""), word)
        check(out, word, "printed nothing")
    has(run([MOAT, "server", "--version"])[1].decode(), "etcd Version: 3.7.0")


@test("ETCD_* variables do what flags do; one set both ways is fatal, an unknown one warns")
def environment(scratch):
    server = scratch.server("--name", "flag", environment={"ETCD_NAME": "variable"})
    has(
        server.sentence(),
        'conflicting environment variable "ETCD_NAME" is shadowed by corresponding '
        "command-line flag",
    )
    server = scratch.server(environment={"ETCD_NAME": "variable", "ETCD_NO_SUCH": "1"})
    server.flags = ["--initial-cluster", "variable=http://localhost:2380"]
    server.start()
    server.logs("unrecognized environment variable", "ETCD_NO_SUCH", "name=variable")


@test("--config-file replaces flags and variables; a mistake in it is told with its place")
def config_file(scratch):
    path = scratch.sub("moat.yml")
    server = scratch.server("--config-file", path, environment={"ETCD_NAME": "variable"})

    def write(*lines):
        with open(path, "w", encoding="ascii") as f:
            f.write("\n".join(lines) + "\n")

    own = [f"data-dir: {scratch.sub('yaml')}", f"listen-client-urls: {server.url}"]
    own.append(f"advertise-client-urls: {server.url}")
    own.append(f"listen-peer-urls: {server.peer_url}")
    write(*own, "name: file", "initial-cluster: file=http://localhost:2380")
    server.start()
    server.logs("name=file")
    check(os.path.isdir(scratch.sub("yaml")), "data-dir of the file was not used")
    server.stop()
    write(*own, "no-such-field: 1")
    server.start()
    server.logs(path + ":5: unknown key no-such-field is ignored")
    server.stop()
    write(*own, "snapshot-count: [1, 2]")
    has(server.sentence(), path + ":5: ")
    write(*own, "name: {{")
    has(server.sentence(), path)


@test("with too few file descriptors it serves those it can, says so, and does not spin")
def few_descriptors(scratch):
    server = scratch.server(fds=32)
    server.start()
    calls = h2.Calls(server.address)
    calls.call("/etcdserverpb.KV/Put", key=b"k", value=b"v")
    crowd = []
    for _ in range(60):
        s = socket.socket()
        s.settimeout(1)
        s.connect(("127.0.0.1", server.port))
        crowd.append(s)
    time.sleep(0.3)
    before, begun = server.cpu_s(), time.monotonic()
    time.sleep(1)
    used = (server.cpu_s() - before) / (time.monotonic() - begun)
    check(used < 0.3, f"it spins: {used:.0%} of a processor while nothing happens")
    check(
        calls.call("/etcdserverpb.KV/Range", key=b"k").count == 1,
        "a connection that is there works",
    )
    closed = 0
    for s in crowd:
        s.setblocking(False)
        try:
            closed += s.recv(1) == b""
        except BlockingIOError:
            pass
        except ConnectionResetError:
            closed += 1
    check(closed > 20, "those beyond the limit were told, by closing:", closed)
    lines = [line for line in server.log().splitlines() if "descriptor" in line or "files" in line]
    check(0 < len(lines) < 10, f"{len(lines)} log lines about it:", server.log())
    for s in crowd:
        s.close()
    time.sleep(0.1)
    late = h2.Calls(server.address)
    same(late.call("/etcdserverpb.KV/Range", key=b"k").count, 1, "room again, service again")
    calls.close()
    late.close()


@test("--listen-client-http-urls: HTTP there, and gRPC alone on the other URLs")
def http_apart(scratch):
    port = free_port()
    http = f"http://127.0.0.1:{port}"
    server = scratch.server("--listen-client-http-urls", http)
    server.start()
    with server.client() as c:
        c.put(b"k", b"v")
    same(run(["curl", "-s", http + "/health"])[1], b'{"health":"true","reason":""}')
    body = '{"key":"aw=="}'
    has(run(["curl", "-s", http + "/v3/kv/range", "-d", body])[1].decode(), '"value":"dg=="')
    for path in ("/health", "/v3/kv/range"):
        command = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", server.url + path]
        same(run(command)[1], b"404", path)


@test("$NOTIFY_SOCKET: systemd is told when clients are served, and when that ends")
def notifies(scratch):
    path = scratch.sub("notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(path)
        listener.settimeout(20)
        server = scratch.server(environment={"NOTIFY_SOCKET": path})
        server.start()
        same(listener.recv(100), b"READY=1")
        server.stop()
        same(listener.recv(100), b"STOPPING=1")
    server = scratch.server(environment={"NOTIFY_SOCKET": scratch.sub("nobody")}, data="other")
    server.start()
    wait_for(lambda: "server.notify_failed" in server.log(), 20, "a line about it")


@test("--memory-mlock: what is in memory stays there")
def mlock(scratch):
    server = scratch.server("--memory-mlock")
    server.start()
    with server.client() as c:
        c.put(b"k", b"v" * 100000)
    with open(f"/proc/{server.process.pid}/status", encoding="ascii") as f:
        locked = [int(line.split()[1]) for line in f if line.startswith("VmLck:")]
    check(locked[0] > 1000, "only so many kB are locked:", locked)


@test("--enable-log-rotation: a full log file is put aside, and only so many are kept")
def rotation(scratch):
    log = scratch.sub("moat.log")
    config = '{"maxsize": 1, "maxbackups": 1}'
    with open(log, "w", encoding="ascii") as f:
        f.write("x" * (1 << 20))
    server = scratch.server(
        "--log-outputs", log, "--enable-log-rotation", "--log-rotation-config-json", config
    )
    server.start()
    server.stop()
    aside = glob.glob(scratch.sub("moat-*.log"))
    same(len(aside), 1)
    check(os.path.getsize(aside[0]) >= 1 << 20, "it was put aside whole")
    with open(log, encoding="utf-8") as f:
        has(f.read(), "ready to serve client requests")


@test("--log-rotation-config-json with compress: what is put aside is compressed, also what a crash left")
def rotation_compressed(scratch):
    log = scratch.sub("moat.log")
    left = scratch.sub("moat-2026-01-30T00-00-00.000.log")
    for path, text in ((log, "x" * (1 << 20)), (left, "left"), (left + ".gz", "half of")):
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
    config = '{"maxsize": 1, "compress": true}'
    server = scratch.server(
        "--log-outputs", log, "--enable-log-rotation", "--log-rotation-config-json", config
    )
    server.start()

    def all_compressed():
        done = len(glob.glob(scratch.sub("moat-*.log.gz"))) == 2
        return done and not glob.glob(scratch.sub("moat-*.log"))

    wait_for(all_compressed, 20, "the old files' compression")
    server.stop()
    found = sorted(glob.glob(scratch.sub("moat-*.log.gz")))
    same(len(found), 2)
    with gzip.open(left + ".gz", "rt") as f:
        same(f.read(), "left")
    found.remove(left + ".gz")
    with gzip.open(found[0], "rt") as f:
        has(f.read(), "x" * (1 << 20))


@test("InitialCorruptCheck: a damaged value stops the start when that is asked for")
def initial_check(scratch):
    server = filled(scratch, keys=50)
    server.start()
    server.stop()
    path = os.path.join(server.data, "moat", "db")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    at = data.find(b"v" * 900)
    while at >= 0:  # each copy that the file has, current or not
        data[at + 10] = ord("w")
        at = data.find(b"v" * 900, at + 20)
    with open(path, "wb") as f:
        f.write(data)
    server.start()
    server.stop()
    server.flags = ["--feature-gates", "InitialCorruptCheck=true"]
    explains(server.sentence(), "the stored data is damaged behind revision")
