"""What the checks of clients share: a server of the chosen kind, and the clients' programs."""

import importlib
import os
import re
import subprocess
import sys

import harness

CLIENTS = os.path.abspath(os.environ.get("MOAT_CLIENTS", "build/clients"))
DEBIAN = os.path.join(CLIENTS, "debian")
PACKAGES = os.path.join(DEBIAN, "usr/lib/python3/dist-packages")
PROGRAM_S_MAX = 120


class Scratch(harness.Scratch):
    """A scratch directory whose servers are moat, or an etcd in its place."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def server(self, *flags, kind=None, **options):
        """Start a server that answers, of another kind if one is given."""
        kind = kind or self.kind
        if kind == "moat":
            made = harness.Server(self, *flags, **options)
        else:
            made = Etcd(self, kind, *flags, **options)
        self.servers.append(made)
        made.start()
        harness.wait_for(lambda: healthy(made), harness.START_S_MAX, "a healthy server")
        return made

    def not_on(self, kind, why):
        """Leave the check out where an etcd of this kind is known to answer otherwise."""
        if self.kind == kind:
            raise harness.LeftOut(f"{kind} {why}")


class Etcd(harness.Server):
    """A real etcd, on the same flags."""

    def __init__(self, scratch, kind, *flags, **options):
        super().__init__(scratch, *flags, **options)
        self.program = harness.peer(f"{kind}/etcd")

    def command(self):
        return [self.program, *super().command()[2:]]


def healthy(server):
    """Does /health say so? The port alone takes connections before there is a leader."""
    server.must_live()
    status, _, _ = harness.run(["curl", "-fs", "-o", os.devnull, server.url + "/health"])
    return status == 0


def python_module(name):
    """A module out of the unpacked packages, or out of an installed one."""
    if PACKAGES not in sys.path:
        sys.path.append(PACKAGES)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise harness.LeftOut(f"{error}; see tools/clients") from None


def program(*places):
    """The first of these programs that is there, below the unpacked packages or installed."""
    for place in places:
        for root in (DEBIAN, "/"):
            path = os.path.join(root, place)
            if os.access(path, os.X_OK):
                return path
    raise harness.LeftOut(f"there is no {os.path.basename(places[0])}; see tools/clients")


def link(name):
    """Give our program another name, by which it takes another command line."""
    path = os.path.join(CLIENTS, "moat", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.islink(path) or os.readlink(path) != harness.MOAT:
        if os.path.lexists(path):
            os.remove(path)
        os.symlink(harness.MOAT, path)
    return path


def own_program_checks(client, command, listing, one, flags=lambda kind: []):
    """Register the checks of a test program that lists them by name and runs one at a time.

    listing and one(name) give the arguments for that. The program finds the server in $ENDPOINT and
    its kind in $SERVER; "SKIP reason" in its output leaves a check out. flags(kind) are what the
    server is started with.
    """
    done = subprocess.run([*command, *listing], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise harness.Failure(f"{command[0]} lists no checks:\n{done.stdout}{done.stderr}")
    for name in done.stdout.splitlines():
        check = _run_one_check([*command, *one(name)], flags)
        harness.TESTS.append((client, sentence(name), check))


def go_checks(client, **options):
    """Register the tests of a test program in Go."""
    path = os.path.join(CLIENTS, "go", client)
    if not os.access(path, os.X_OK):
        raise harness.LeftOut("it is compiled with Go, which is not here; see tools/clients")
    own_program_checks(
        client,
        [path],
        ["-test.list", "."],
        lambda name: ["-test.v", "-test.run", f"^{name}$"],
        **options,
    )


def sentence(name):
    """Turn a name as Go has them, TestLeaseExpires, into words."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^A-Z]+", name.removeprefix("Test"))
    return name if " " in name else " ".join(words).lower()


def _run_one_check(command, flags):
    def check(scratch):
        server = scratch.server(*flags(scratch.kind))
        environment = {
            **harness.plain_environment(),
            "ENDPOINT": server.address,
            "SERVER": scratch.kind,
        }
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            timeout=PROGRAM_S_MAX,
            env=environment,
            stdin=subprocess.DEVNULL,
            cwd=scratch.path,
        )
        said = done.stdout + done.stderr
        skipped = re.search(r"\bSKIP (.*)", said)
        if skipped:
            raise harness.LeftOut(skipped[1])
        harness.check(done.returncode == 0, f"exit status {done.returncode}:\n{said[-4000:]}")

    return check
