"""What every test here uses: servers on free ports, clients for them, and checks that explain."""

import os
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time

import pb

MOAT = os.path.abspath(os.environ.get("MOAT", "build/moat"))
PEERS = os.environ.get("MOAT_PEERS", "build/peers")
START_S_MAX = 20
STOP_S_MAX = 20


class Failure(Exception):
    """Something that a test saw and that must not be."""


class LeftOut(Exception):
    """A test that cannot run here; the text says why."""


TESTS = []


def test(sentence):
    """Register a test under the sentence that it shows to hold."""

    def register(function):
        TESTS.append((function.__module__.removeprefix("test_"), sentence, function))
        return function

    return register


def check(condition, *what):
    if not condition:
        raise Failure(" ".join(str(w) for w in what))


def same(found, wanted, what=""):
    if found != wanted:
        raise Failure(f"{what}\n  found:  {found!r}\n  wanted: {wanted!r}")


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Failure(f"{part!r} is not in:\n{text}")


def knob(name, default):
    return int(os.environ.get(name, default))


class Scratch:
    """A directory that goes away, with what was mounted and started in it."""

    def __init__(self):
        self.path = tempfile.mkdtemp(prefix="moat-test-")
        self.mounts = []
        self.servers = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.kill()
        for path in reversed(self.mounts):
            subprocess.run(["umount", "-l", path], check=False)
        shutil.rmtree(self.path, ignore_errors=True)

    def sub(self, name):
        return os.path.join(self.path, name)

    def tmpfs(self, name, options):
        """Mount a small file system; only our own mount namespace sees it."""
        if os.environ.get("MOAT_TEST_MOUNTS") != "1":
            raise LeftOut("this user may not mount a tmpfs in a namespace of its own")
        path = self.sub(name)
        os.makedirs(path, exist_ok=True)
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", path], capture_output=True, check=False
        )
        if done.returncode != 0:
            raise LeftOut("no tmpfs: " + done.stderr.decode().strip())
        self.mounts.append(path)
        return path

    def server(self, *flags, **options):
        server = Server(self, *flags, **options)
        self.servers.append(server)
        return server


_ports_given = set()


def free_port():
    """A port that nothing listens on. Below the range of outgoing connections, since one of those
    could take it before the server does."""
    while True:
        port = 20000 + int.from_bytes(os.urandom(2), "big") % 12000
        if port in _ports_given:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        _ports_given.add(port)
        return port


def raise_fd_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def plain_environment():
    """Ours without what would configure a server or a client."""
    return {k: v for k, v in os.environ.items() if not k.startswith(("ETCD", "MOAT_", "GRPC_"))}


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise Failure(f"waited {seconds} s in vain for {what}")
        time.sleep(0.01)


class Server:
    """One run of moat, or several on the same data."""

    def __init__(self, scratch, *flags, data="data", environment=None, fds=None, log="log"):
        self.scratch = scratch
        self.flags = list(flags)
        self.data = data if data.startswith("/") else scratch.sub(data)
        self.environment = environment or {}
        self.fds = fds
        self.log_path = scratch.sub(log)
        self.port = free_port()
        self.peer_url = f"http://127.0.0.1:{free_port()}"
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def url(self):
        return f"http://{self.address}"

    def command(self):
        given = " ".join(self.flags)
        own = []
        if "--data-dir" not in given:
            own += ["--data-dir", self.data]
        if "--listen-client-urls" not in given:
            own += ["--listen-client-urls", self.url, "--advertise-client-urls", self.url]
        if "--listen-peer-urls" not in given:
            own += ["--listen-peer-urls", self.peer_url]
        return [MOAT, "server", *own, *self.flags]

    def _before_exec(self):
        if self.fds:
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.fds, self.fds))

    def spawn(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**plain_environment(), **self.environment},
                preexec_fn=self._before_exec if self.fds else None,
            )
        return self

    def start(self):
        """Start, and return the seconds until it takes connections."""
        begun = time.monotonic()
        self.spawn()
        while not self.listens():
            if self.process.poll() is not None:
                raise Failure(f"ended with {self.process.returncode} at start:\n{self.log()}")
            check(time.monotonic() < begun + START_S_MAX, "does not come up:\n", self.log())
            time.sleep(0.002)
        return time.monotonic() - begun

    def listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def refused(self, status=1):
        """Run a start that must fail; return what it said, once it ended with that status."""
        with open(self.log_path, "wb"):
            pass
        self.spawn()
        try:
            found = self.process.wait(START_S_MAX)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure("it started, which it must not:\n" + self.log()) from None
        same(found, status, "exit status, after:\n" + self.log())
        return self.log()

    def sentence(self, status=1):
        """As refused, for a failure that is told in one line and nothing else but log lines."""
        said = self.refused(status)
        lines = [line for line in said.splitlines() if line.startswith("moat: ")]
        same(len(lines), 1, "one sentence for the operator, in:\n" + said)
        return lines[0]

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()

    def logs(self, *parts):
        """Wait until the log has all of these."""
        try:
            wait_for(lambda: all(part in self.log() for part in parts), 10, "")
        except Failure:
            has(self.log(), *parts)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def must_live(self):
        if not self.alive():
            raise Failure(f"the server ended with {self.process.returncode}:\n{self.log()[-4000:]}")

    def kill(self):
        if self.alive():
            self.process.kill()
            self.process.wait()

    def stop(self, number=signal.SIGTERM):
        """Stop as an operator does; return the seconds it took."""
        begun = time.monotonic()
        self.process.send_signal(number)
        try:
            status = self.process.wait(STOP_S_MAX)
        except subprocess.TimeoutExpired:
            raise Failure(f"signal {number} did not stop it:\n{self.log()[-4000:]}") from None
        same(status, 0, "exit status after a signal to stop")
        return time.monotonic() - begun

    def _status(self, name):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as f:
            for line in f:
                if line.startswith(name + ":"):
                    return int(line.split()[1])
        raise Failure(f"/proc has no {name}")

    def rss_kb(self):
        return self._status("VmRSS")

    def anon_kb(self):
        """Memory of its own: without mapped files, such as the store."""
        return self._status("RssAnon")

    def cpu_s(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def client(self, target=None):
        return Client(target or self.address)


class Client:
    """etcd's API over Google's gRPC library."""

    def __init__(self, target, **options):
        import grpc  # pylint: disable=import-outside-toplevel

        self.grpc = grpc
        settings = {
            "grpc.max_receive_message_length": -1,
            "grpc.max_send_message_length": -1,
            "grpc.use_local_subchannel_pool": 1,
            "grpc.enable_http_proxy": 0,
            "grpc.min_reconnect_backoff_ms": 50,
            "grpc.max_reconnect_backoff_ms": 200,
            **options,
        }
        self.channel = grpc.insecure_channel(target, options=list(settings.items()))
        self.methods = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()

    def method(self, path):
        if path not in self.methods:
            _, reply = pb.METHODS.get(path, (None, None))
            self.methods[path] = self.channel.unary_unary(
                path,
                request_serializer=lambda raw: raw,
                response_deserializer=reply.decode if reply else None,
            )
        return self.methods[path]

    def raw(self, path, message, timeout=20, **options):
        return self.method(path)(message, timeout=timeout, **options)

    def call(self, path, timeout=20, **fields):
        return self.raw(path, pb.METHODS[path][0].encode(**fields), timeout)

    def range(self, key, **fields):
        return self.call("/etcdserverpb.KV/Range", key=key, **fields)

    def prefix(self, prefix, **fields):
        return self.range(prefix, range_end=pb.prefix_end(prefix), **fields)

    def put(self, key, value=b"", **fields):
        return self.call("/etcdserverpb.KV/Put", key=key, value=value, **fields)

    def delete(self, key, **fields):
        return self.call("/etcdserverpb.KV/DeleteRange", key=key, **fields)

    def txn(self, **fields):
        return self.call("/etcdserverpb.KV/Txn", **fields)

    def compact(self, revision, physical=False):
        return self.call("/etcdserverpb.KV/Compact", revision=revision, physical=physical)

    def status(self):
        return self.call("/etcdserverpb.Maintenance/Status")

    def value(self, key):
        kvs = self.range(key).kvs
        return kvs[0].value if kvs else None

    def refused(self, call, *args, **fields):
        """Make a call that must fail; return (the name of its code, its text)."""
        try:
            found = call(*args, **fields)
        except self.grpc.RpcError as error:
            return error.code().name, error.details()
        raise Failure(f"was answered, and must be refused: {found!r}")


def run(command, **options):
    """Run a program to its end; return (status, stdout, stderr)."""
    options = {"env": plain_environment(), "timeout": 60, **options}
    done = subprocess.run(command, capture_output=True, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def peer(*names):
    """The first of these programs below $MOAT_PEERS."""
    for name in names:
        path = os.path.join(PEERS, name)
        if os.access(path, os.X_OK):
            return os.path.abspath(path)
    raise LeftOut(f"$MOAT_PEERS has no {names[0]}: see tools/peers")


def percentile(values, percent):
    if len(values) < 2:
        return values[0] if values else 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


def terminal_or_leave_out():
    """A chroot without /dev/pts has no terminals."""
    if not os.path.exists("/dev/ptmx") or not os.listdir("/dev/pts"):
        raise LeftOut("there is no /dev/pts here")
