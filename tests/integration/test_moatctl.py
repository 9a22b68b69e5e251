"""moat ctl beside the real etcdctl 3.7, each against an etcd 3.7 of its own: equal in what they print,
in how they exit, and in what they leave behind."""

import os
import pty
import re
import signal
import subprocess
import termios
import time

from harness import (
    MOAT,
    check,
    free_port,
    peer,
    plain_environment,
    run,
    same,
    terminal_or_leave_out,
    test,
    wait_for,
)
from test_ctl import SCRIPT

# What the script of test_ctl has not: options and commands that came after 3.4, and those of the
# other services. A pair has a text for standard input; {lease} is the newest lease of each server.
MORE = [
    ["get"],
    ["get", "a", "b", "--prefix"],
    ["get", "a", "--prefix", "--from-key"],
    ["get", "a", "--keys-only", "--count-only"],
    ["get", "a", "--count-only"],
    ["get", "a", "--print-value-only", "-w", "json"],
    ["get", "a", "-w", "table"],
    ["get", "a", "-w", "bogus"],
    ["get", "a", "--rev=abc"],
    ["get", "a", "--limit", "99999999999999999999"],
    ["get", "a", "--prefix=maybe"],
    ["get", "a", "--bogus"],
    ["get", "a", "-z"],
    ["get", "a", "-w"],
    ["get", "a", "--order"],
    ["get", "a", "--command-timeout", "5"],
    ["get", "a", "--command-timeout", "5x"],
    ["get", "a", "--command-timeout", "1m0.5s"],
    ["get", "a", "--min-mod-rev", "5", "--max-mod-rev", "4"],
    ["get", "a", "--min-create-rev", "5", "--max-create-rev", "4"],
    ["put", "m/1", "1"],
    ["put", "m/2", "2"],
    ["put", "m/1", "3"],
    ["get", "m/", "--prefix", "--min-mod-rev", "3", "-w", "json"],
    ["get", "m/", "--prefix", "--max-create-rev", "2", "-w", "fields"],
    ["get", "m/", "--prefix", "--limit=0x1"],
    ["get", "m/", "--prefix", "--stream", "-w", "json"],
    ["get", "m/", "--prefix", "--stream", "--limit", "1"],
    ["get", "m/1", "-wjson"],
    ["get", "m/1", "-w=json"],
    ["ge", "m/1"],
    ["put"],
    ["put", "x", "y", "--ignore-value"],
    ["put", "x", "y", "--lease", "zz"],
    ["put", "x", "y", "--lease", "123"],
    (["put", "x"], ""),
    ["put", "x", "--", "-dash"],
    ["put", "--", "-k", "-v"],
    ["get", "--", "-k"],
    ["put", "html", "<a href=\"x\">&'\u2028\u00e9\ufeff"],
    ["get", "html", "-w", "fields"],
    ["get", "html", "-w", "json"],
    ["put", "control", "\a\b\f\n\r\t\v\\\"\x01\x7f"],
    ["get", "control", "-w", "fields"],
    ["put", "raw", b"\xff\xfe\xc3(\xe2\x82"],
    ["get", "raw", "-w", "fields"],
    ["get", "raw", "-w", "json"],
    ["get", "raw", "--hex"],
    ["get", "raw", "--hex", "-w", "fields"],
    ["put", "k/\u00e9", "umlaut \U0001f600"],
    ["get", "k/", "--prefix", "-w", "fields"],
    ["del"],
    ["del", "a", "b", "c"],
    ["del", "m/1", "m/2", "--range", "--prev-kv", "-w", "json"],
    ["del", "a", "--prefix", "--from-key"],
    (["txn", "x"], ""),
    (["txn"], ""),
    (["txn"], "garbage\n"),
    (["txn"], 'mod("foo" > "0"\n'),
    (["txn"], 'mod("foo") > "x"\n'),
    (["txn"], 'colour("foo") > "1"\n'),
    (["txn"], "\nput\n\n\n"),
    (["txn"], "\nbogus x\n\n\n"),
    (["txn", "-i"], "\nput t1 't v'\nput \"t\\x32\" \"a\\tb\"\nget t1\n\n\n"),
    (["txn", "-w", "json"], "\nget t --prefix\ndel t1 --prev-kv\nput t3 1 --prev-kv\n\n\n"),
    (["txn", "-w", "fields"], '\nget t2\n\nget "t2"\n\n'),
    (["txn", "-w", "table"], "\nget t2\n\n\n"),
    ["compaction"],
    ["compaction", "abc"],
    ["lease", "grant"],
    ["lease", "grant", "abc"],
    ["lease", "grant", "0"],
    ["lease", "grant", "99999999999"],
    ["lease", "grant", "500"],
    ["put", "leased", "v", "--lease={lease}"],
    ["get", "leased", "-w", "json"],
    ["get", "leased", "-w", "fields", "--hex"],
    ["lease", "timetolive", "{lease}"],
    ["lease", "timetolive", "{lease}", "--keys"],
    ["lease", "timetolive", "{lease}", "--keys", "-w", "json"],
    ["lease", "timetolive", "{lease}", "--keys", "-w", "fields"],
    ["lease", "timetolive", "{lease}", "-w", "fields", "--hex"],
    ["lease", "timetolive", "{lease}", "-w", "table"],
    ["lease", "timetolive", "1"],
    ["lease", "timetolive", "1", "-w", "json"],
    ["lease", "timetolive", "x"],
    ["lease", "timetolive"],
    ["lease", "list"],
    ["lease", "list", "-w", "json"],
    ["lease", "list", "-w", "fields"],
    ["lease", "keep-alive", "--once", "{lease}"],
    ["lease", "keep-alive", "--once", "{lease}", "-w", "json"],
    ["lease", "keep-alive", "--once", "{lease}", "-w", "fields"],
    ["lease", "keep-alive", "--once", "1"],
    ["lease", "keep-alive", "1"],
    ["lease", "keep-alive"],
    ["lease", "revoke", "{lease}", "-w", "json"],
    ["lease", "revoke", "{lease}"],
    ["lease", "revoke"],
    ["lease", "revoke", "x"],
    ["lease", "grant", "100", "-w", "json"],
    ["lease", "grant", "100", "-w", "fields"],
    ["lease", "revoke", "{lease}", "-w", "fields"],
    ["member", "list", "--hex", "-w", "json"],
    ["member", "list", "--hex", "-w", "fields"],
    ["member", "list", "--consistency", "s"],
    ["member", "list", "--consistency", "x"],
    ["member", "list", "-w", "protobuf"],
    ["member", "add"],
    ["member", "add", "n", "http://127.0.0.1:1"],
    ["member", "add", "n"],
    ["member", "add", "n", "--peer-urls", "nonsense"],
    ["member", "remove"],
    ["member", "remove", "zz"],
    ["member", "remove", "1"],
    ["member", "update", "1"],
    ["member", "update", "1", "--peer-urls", "http://127.0.0.1:1"],
    ["member", "promote", "1"],
    ["endpoint", "health", "-w", "fields"],
    ["endpoint", "health", "-w", "json"],
    ["endpoint", "health", "--cluster"],
    ["endpoint", "hashkv", "-w", "protobuf"],
    ["endpoint", "status", "-w", "protobuf"],
    ["alarm", "list"],
    ["alarm", "list", "-w", "json"],
    ["alarm", "list", "-w", "fields"],
    ["alarm", "list", "x"],
    ["alarm", "disarm"],
    ["alarm", "disarm", "-w", "json"],
    ["alarm", "disarm", "x"],
    ["defrag"],
    ["defrag", "--cluster"],
    ["move-leader"],
    ["move-leader", "zz"],
    ["move-leader", "1"],
    ["downgrade", "validate"],
    ["downgrade", "validate", "3.6"],
    ["downgrade", "validate", "3.6.0", "-w", "json"],
    ["downgrade", "validate", "nonsense"],
    ["downgrade", "validate", ""],
    ["downgrade", "enable", "3.2"],
    ["downgrade", "cancel"],
    ["auth", "status"],
    ["auth", "status", "-w", "json"],
    ["auth", "status", "x"],
    ["auth", "enable"],
    ["auth", "enable", "x"],
    ["auth", "disable", "x"],
    ["user", "add", "u1:pw"],
    ["user", "add", "u1:pw"],
    ["user", "add", ":pw"],
    ["user", "add"],
    ["user", "add", "u2", "--new-user-password", "pw2", "-w", "json"],
    ["user", "add", "u3", "--no-password", "-w", "fields"],
    (["user", "add", "u4", "--interactive=false"], "pw4\n"),
    (["user", "passwd", "u1", "--interactive=false"], "other\n"),
    (["user", "passwd", "zz", "--interactive=false"], "other\n"),
    ["user", "list"],
    ["user", "list", "-w", "json"],
    ["user", "list", "-w", "table"],
    ["user", "list", "-w", "fields"],
    ["user", "list", "x"],
    ["user", "get", "u1"],
    ["user", "get", "zz"],
    ["user", "get"],
    ["role", "add", "r1"],
    ["role", "add", "r1"],
    ["role", "add"],
    ["role", "add", "r2", "-w", "json"],
    ["role", "grant-permission", "r1", "readwrite", "x", "y"],
    ["role", "grant-permission", "r1", "read", "p", "--prefix"],
    ["role", "grant-permission", "r1", "WRITE", "q", "--from-key"],
    ["role", "grant-permission", "r1", "read", "only"],
    ["role", "grant-permission", "r1", "read", "", "--prefix"],
    ["role", "grant-permission", "r1", "bogus", "x"],
    ["role", "grant-permission", "r1", "read"],
    ["role", "grant-permission", "r1", "read", "x", "y", "--prefix"],
    ["role", "grant-permission", "r1", "read", "x", "y", "--from-key"],
    ["role", "grant-permission", "r1", "read", "x", "--prefix", "--from-key"],
    ["role", "grant-permission", "zz", "read", "x"],
    ["role", "get", "r1"],
    ["role", "get", "r1", "-w", "json"],
    ["role", "get", "r1", "-w", "fields"],
    ["role", "get", "zz"],
    ["role", "get"],
    ["role", "list"],
    ["role", "list", "-w", "json"],
    ["role", "list", "-w", "fields"],
    ["role", "list", "x"],
    ["user", "grant-role", "u1", "r1"],
    ["user", "grant-role", "u1", "zz"],
    ["user", "grant-role", "u1"],
    ["user", "get", "u1", "--detail"],
    ["user", "get", "u1", "-w", "json"],
    ["user", "get", "u1", "-w", "fields"],
    ["role", "revoke-permission", "r1", "x", "y"],
    ["role", "revoke-permission", "r1", "q", "--from-key"],
    ["role", "revoke-permission", "r1", "only"],
    ["role", "revoke-permission", "r1", "nothing"],
    ["role", "revoke-permission", "r1"],
    ["user", "revoke-role", "u1", "r1"],
    ["user", "revoke-role", "u1", "r1"],
    ["user", "revoke-role", "u1"],
    ["role", "delete", "r1"],
    ["role", "delete", "r1"],
    ["role", "delete"],
    ["user", "delete", "u1", "-w", "fields"],
    ["user", "delete", "u1"],
    ["user", "delete"],
    ["user", "add", "root:top"],
    ["auth", "enable"],
    ["get", "a"],
    ["get", "a", "--user", "root:top"],
    ["get", "a", "--user", "root", "--password", "top"],
    ["get", "a", "--user", "root:wrong"],
    ["role", "get", "root", "--user", "root:top"],
    ["auth", "status", "--user", "root:top"],
    ["endpoint", "health"],
    ["endpoint", "health", "--user", "root:top"],
    ["get", "a", "--auth-jwt-token", "nonsense"],
    ["put", "authed", "1", "--user", "u2:pw2"],
    ["role", "grant-permission", "r2", "readwrite", "authed", "--user", "root:top"],
    ["user", "grant-role", "u2", "r2", "--user", "root:top"],
    ["put", "authed", "1", "--user", "u2:pw2"],
    ["get", "a", "--user", "u2:pw2"],
    ["endpoint", "health", "--user", "u2:pw2"],
    ["auth", "disable", "--user", "root:top"],
    ["lock"],
    ["lock", "l", "true"],
    ["lock", "l", "sh", "-c", "exit 7"],
    ["lock", "l", "/proc/nonexistent/program"],
    ["lock", "l", "--", "sh", "-c", "echo $ETCD_LOCK_REV"],
    ["lock", "l", "--", "sh", "-c", "exit 9"],
    ["lock", "l", "--", "sh", "-c", "kill -KILL $$"],
    ["lock", "l", "--", "sh", "-c", "kill -INT $$"],
    ["elect"],
    ["elect", "e"],
    ["elect", "e", "p", "-l"],
    ["watch"],
    ["watch", "a", "--"],
    ["watch", "a", "b", "--prefix"],
    ["watch", "m/1", "--rev", "1"],
    ["watch", "m/1", "--rev", "1", "-w", "json"],
    ["watch", "html", "--rev", "20", "--", "sh", "-c", "echo $ETCD_WATCH_VALUE; exit 3"],
    ["watch", "html", "--rev", "20", "--", "no-such-program"],
    ["watch", "html", "--rev", "20", "--", "sh", "-c", "kill -TERM $$"],
    (["watch", "-i"], "\nget x\nwatch\n"),
    (["watch", "-i"], "watch x --bogus\n"),
    ["watch", "html", "--rev", "20", "-w", "table"],
    ["snapshot", "save"],
    ["snapshot", "save", "/proc/nonexistent/file"],
    ["make-mirror"],
    ["check", "perf", "--load", "huge"],
    ["check", "datascale", "--load", "huge"],
    ["bogus"],
    ["e"],
    ["help", "bogus"],
]

# Answers that need no equal text: help is in our own words, and a server's numbers are its own.
NORMAL = [
    (r"127\.0\.0\.1:\d+", "HOST"),
    (r"took = [\d.µm]+s", "took = TIME"),
    (r'"took":"[^"]*"', '"took":"TIME"'),
    (r'"Took" : \S+', '"Took" : TIME'),
    (r"took [\d.µm]+s", "took TIME"),
    (r"lease [0-9a-f]{16}", "lease ID"),
    (r'"(ID|id|lease)":\d+', r'"\1":ID'),
    (r'"(ID|Lease)" : [1-9a-f][0-9a-f]{14,}', r'"\1" : ID'),
    (r"(?m)^[0-9a-f]{16}$", "ID"),
    (r"remaining\(\d+s\)", "remaining(S)"),
    (r'"ttl":\d\d+', '"ttl":S'),
    (r'"TTL" : \d\d+', '"TTL" : S'),
    (r'(?m)^\{"level":.*\n', ""),
]


def normal(text):
    text = text.decode("utf-8", "backslashreplace")
    for pattern, to in NORMAL:
        text = re.sub(pattern, to, text)
    # Usage and help stand behind the first empty line, or behind "Usage:".
    return re.split(r"(?m)^Usage:|^A(?: simple)? command line client", text)[0].strip("\n")


class Program:
    """A client under the name etcdctl, with a server of its own."""

    def __init__(self, command, address):
        self.command = command
        self.address = address
        self.lease = "1"

    def arguments(self, line):
        own = [x if isinstance(x, bytes) else x.replace("{lease}", self.lease) for x in line]
        return [self.command, *own]

    def environment(self):
        return {**plain_environment(), "ETCDCTL_ENDPOINTS": self.address}

    def __call__(self, line):
        line, text = line if isinstance(line, tuple) else (line, "")
        done = run(self.arguments(line), input=text.encode(), env=self.environment())
        granted = re.search(rb'lease ([0-9a-f]{16}) granted|"ID"[ :]+(\d+)', done[1])
        if line[:2] == ["lease", "grant"] and granted:
            self.lease = (granted[1] or b"%x" % int(granted[2])).decode()
        return done

    def start(self, line, **options):
        return subprocess.Popen(
            self.arguments(line),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self.environment(),
            **options,
        )


class Etcd:
    """An etcd 3.7 whose IDs are the same in every run."""

    def __init__(self, scratch, name, *flags):
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        with open(scratch.sub(name + ".log"), "wb") as log:
            self.process = subprocess.Popen(
                [peer("etcd-3.7/etcd"), "--data-dir", scratch.sub(name), "--unsafe-no-fsync"]
                + ["--listen-client-urls", f"http://{self.address}"]
                + ["--advertise-client-urls", f"http://{self.address}"]
                + ["--listen-peer-urls", f"http://127.0.0.1:{free_port()}"]
                + ["--initial-advertise-peer-urls", "http://127.0.0.1:4"]
                + ["--initial-cluster", "default=http://127.0.0.1:4", *flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def __enter__(self):
        def up():
            check(self.process.poll() is None, "etcd ended")
            return run(["curl", "-sf", f"http://{self.address}/health"])[0] == 0

        try:
            wait_for(up, 20, "etcd")
        except Exception:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()


def as_etcdctl(scratch):
    path = scratch.sub("etcdctl")
    if not os.path.exists(path):
        os.symlink(MOAT, path)
    return path


def compare(line, ours, theirs):
    shown = line if isinstance(line, list) else f"{line[0]} < {line[1]!r}"
    same(ours[0], theirs[0], f"{shown}: exit status, with {ours[2].decode()}")
    if line[:2] in (["endpoint", "status"], ["member", "list"]) and "protobuf" not in line:
        strip = [(r"\d+(\.\d+)? (k|M)?B", "SIZE"), (r"\d+%", "SHARE"), (r"\d+", "N")]
        texts = [normal(done[1]) for done in (ours, theirs)]
        for pattern, to in strip:
            texts = [re.sub(pattern, to, text) for text in texts]
        same(*[re.sub(r"[ ─]+", " ", text) for text in texts], shown)
    elif "protobuf" in line:
        same(len(ours[1]) > 0, len(theirs[1]) > 0, shown)
        if line[0] == "get":
            same(ours[1], theirs[1], shown)
    else:
        same(normal(ours[1]), normal(theirs[1]), f"{shown}: stdout")
        same(normal(ours[2]), normal(theirs[2]), f"{shown}: stderr")


@test("moat ctl prints and exits with the same as etcdctl 3.7")
def like_etcdctl(scratch):
    program = peer("etcd-3.7/etcdctl")
    with Etcd(scratch, "a") as a, Etcd(scratch, "b") as b:
        ours, theirs = Program(as_etcdctl(scratch), a.address), Program(program, b.address)
        wrong = []
        lines = SCRIPT + MORE
        for line in lines:
            try:
                compare(line, ours(line), theirs(line))
            except Exception as error:  # pylint: disable=broad-except
                wrong.append(str(error))
        check(not wrong, f"{len(wrong)} of {len(lines)} commands differ\n" + "\n".join(wrong))
        return f"{len(lines)} commands"


def good(program, line, wanted=None):
    status, out, err = program(line)
    same(status, 0, f"{line}: {err.decode()}")
    if wanted is not None:
        same(out.decode(), wanted, line)
    return out.decode()


def revision(program):
    return int(re.search(r'"revision":(\d+)', good(program, ["get", "x", "-w", "json"]))[1])


def read_until(process, text):
    """What the process prints, up to and with this text."""
    os.set_blocking(process.stdout.fileno(), False)
    found = [b""]

    def there():
        found[0] += process.stdout.read() or b""
        return text.encode() in found[0]

    wait_for(there, 20, f"{text!r}")
    return found[0].decode()


def stop(process, number=signal.SIGINT):
    """Send the signal; return (status, rest of stdout, stderr)."""
    process.send_signal(number)
    os.set_blocking(process.stdout.fileno(), True)
    out, err = process.communicate(timeout=20)
    return process.returncode, out.decode(), err.decode()


@test("moat ctl watches as etcdctl does: formats, prefixes, progress, programs")
def watches(scratch):
    theirs_path = peer("etcd-3.7/etcdctl")
    with Etcd(scratch, "a") as etcd:
        programs = [
            Program(as_etcdctl(scratch), etcd.address),
            Program(theirs_path, etcd.address),
        ]
        options = [
            ["w/", "--prefix", "--rev", "NEXT"],
            ["w/", "--prefix", "--rev", "NEXT", "--prev-kv", "-w", "fields"],
            ["w/1", "w/3", "--rev", "NEXT", "--prev-kv", "-w", "json"],
            ["w/2", "--rev", "NEXT", "--hex"],
            ["w/1", "--rev", "2", "--", "sh", "-c", "echo $ETCD_WATCH_REVISION $ETCD_WATCH_EVENT_TYPE"],
        ]
        for line in options:
            line = [str(revision(programs[1]) + 1) if word == "NEXT" else word for word in line]
            for step in (["put", "w/1", "one"], ["put", "w/2", "two"], ["put", "w/1", "again"]):
                good(programs[1], step)
            good(programs[1], ["del", "w/", "--prefix"])
            # From the past: then both get the same events in the same answers.
            running = [program.start(["watch", *line]) for program in programs]
            texts = [b"", b""]

            def equal(line=line, running=running, texts=texts):
                for i, process in enumerate(running):
                    os.set_blocking(process.stdout.fileno(), False)
                    texts[i] += process.stdout.read() or b""
                end = b'"type":1' if "json" in line else b"DELETE"
                return end in texts[0] and texts[0] == texts[1]

            try:
                wait_for(equal, 20, "equal texts")
            except Exception:
                same(*texts, line)
                raise
            finally:
                for process in running:
                    stop(process)
        return f"{len(options)} watches"


@test("moat ctl watch -i reads watches and progress requests, as etcdctl does")
def watches_interactively(scratch):
    theirs_path = peer("etcd-3.7/etcdctl")
    with Etcd(scratch, "a") as etcd:
        texts = []
        for path in (as_etcdctl(scratch), theirs_path):
            program = Program(path, etcd.address)
            good(program, ["put", "i/1", "v"])
            start = revision(program)
            process = program.start(["watch", "-i"], stdin=subprocess.PIPE)

            def say(line, process=process):
                process.stdin.write(line.encode() + b"\n")
                process.stdin.flush()

            say(f"watch i/ --prefix --rev {start}")
            text = read_until(process, "v\n")
            say("progress")
            text += read_until(process, "progress notify: ")
            say(f'watch "i/2" --rev {start + 1} -- sh -c "echo ran $ETCD_WATCH_KEY"')
            good(program, ["put", "i/2", "w"])
            text += read_until(process, "ran ")
            while text.count("i/2") < 3:  # the first watch has it, too, before or after
                text += read_until(process, "i/2")
            process.stdin.close()
            same(process.wait(20), 3, "exit status at the end of its input")
            text += process.stdout.read().decode() if process.stdout else ""
            texts.append(sorted(re.sub(r"notify: \d+", "notify: N", text).split("\n")))
        same(*texts)


@test("moat ctl watch goes on, without a gap, when its server was killed and came back")
def watch_survives(scratch):
    program = peer("etcd-3.7/etcd")
    port, peer_port = free_port(), free_port()
    command = [program, "--data-dir", scratch.sub("d"), "--listen-client-urls"]
    command += [f"http://127.0.0.1:{port}", "--advertise-client-urls", f"http://127.0.0.1:{port}"]
    command += ["--listen-peer-urls", f"http://127.0.0.1:{peer_port}"]
    ctl = Program(as_etcdctl(scratch), f"127.0.0.1:1,127.0.0.1:{port}")

    def start():
        with open(scratch.sub("etcd.log"), "ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        up = lambda: run(["curl", "-sf", f"http://127.0.0.1:{port}/health"])[0] == 0
        wait_for(up, 20, "etcd")
        return process

    etcd = start()
    watch = None
    try:
        watch = ctl.start(["watch", "k", "--prefix", "--rev", "1"])
        good(ctl, ["put", "k1", "before"])
        text = read_until(watch, "before\n")
        etcd.kill()
        etcd.wait()
        etcd = start()
        good(ctl, ["put", "k2", "after"])
        text += read_until(watch, "after\n")
        same(text, "PUT\nk1\nbefore\nPUT\nk2\nafter\n")
    finally:
        etcd.kill()
        etcd.wait()
        if watch:
            watch.kill()
            watch.communicate()


@test("moat ctl lock: one holder at a time, also against etcdctl; a signal gives it back")
def locks(scratch):
    with Etcd(scratch, "a") as etcd:
        ours = Program(as_etcdctl(scratch), etcd.address)
        theirs = Program(peer("etcd-3.7/etcdctl"), etcd.address)
        for first, second in ((ours, theirs), (theirs, ours)):
            holder = first.start(["lock", "door"])
            held = read_until(holder, "door/")
            waiting = second.start(["lock", "door", "--", "sh", "-c", "echo $ETCD_LOCK_KEY; exit 4"])
            time.sleep(0.5)
            check(waiting.poll() is None, "the second one waits, but printed", waiting)
            status, out, err = stop(holder, signal.SIGTERM)
            same((status, err), (0, ""))
            check(re.fullmatch(r"door/[0-9a-f]+\n\n", held + out), held + out)
            out, err = waiting.communicate(timeout=20)
            check(re.fullmatch(rb"door/[0-9a-f]+\n", out), out)
            same((waiting.returncode, err), (4, b"Error: exit status 4\n"))
        same(good(ours, ["get", "door/", "--prefix"]), "", "what is left")


@test("moat ctl elect: campaigns and observes as etcdctl does")
def elects(scratch):
    with Etcd(scratch, "a") as etcd:
        ours = Program(as_etcdctl(scratch), etcd.address)
        theirs = Program(peer("etcd-3.7/etcdctl"), etcd.address)
        observers = [program.start(["elect", "-l", "post"]) for program in (ours, theirs)]
        time.sleep(0.5)
        for program, name in ((ours, "one"), (theirs, "two"), (ours, "three")):
            leader = program.start(["elect", "post", name])
            text = read_until(leader, name)
            check(re.fullmatch(rf"post/[0-9a-f]+\n{name}\n?", text), text)
            for observer in observers:
                check(re.match(r"post/[0-9a-f]+\n", read_until(observer, name)))
            same(stop(leader)[0], 0)
            time.sleep(0.3)
        for observer in observers:
            same(stop(observer)[0], 0)


@test("moat ctl lease keep-alive renews until it is stopped, and says when the lease is gone")
def keeps_alive(scratch):
    with Etcd(scratch, "a") as etcd:
        ours = Program(as_etcdctl(scratch), etcd.address)
        good(ours, ["lease", "grant", "6"])
        keeper = ours.start(["lease", "keep-alive", ours.lease])
        line = f"lease {ours.lease} keepalived with TTL(6)\n"
        for _ in range(3):
            same(read_until(keeper, line), line)
        good(ours, ["lease", "revoke", ours.lease])
        text = read_until(keeper, "expired or revoked.\n")
        check(text.endswith(f"lease {ours.lease} expired or revoked.\n"), text)
        same(keeper.wait(20), 0)
        keeper.communicate()


@test("moat ctl snapshot save writes what etcdutl takes")
def saves_snapshots(scratch):
    with Etcd(scratch, "a") as etcd:
        ours = Program(as_etcdctl(scratch), etcd.address)
        for i in range(50):
            good(ours, ["put", f"k{i}", "v" * 5000])
        path = scratch.sub("s.db")
        text = good(ours, ["snapshot", "save", path])
        check(text.startswith(f"Snapshot saved at {path}\nServer version 3.7."), text)
        same(os.path.exists(path + ".part"), False)
        status, out, err = run([peer("etcd-3.7/etcdutl"), "snapshot", "status", path])
        same(status, 0, err)
        check(", 51, " in out.decode(), out)


@test("moat ctl takes snapshots apart, as etcdctl did before 3.6")
def works_on_files(scratch):
    with Etcd(scratch, "a") as etcd:
        ours = Program(as_etcdctl(scratch), etcd.address)
        good(ours, ["put", "k", "v"])
        path = scratch.sub("s.db")
        good(ours, ["snapshot", "save", path])
    utl = peer("etcd-3.7/etcdutl")
    for form in ("simple", "json", "table", "fields"):
        found = good(ours, ["--write-out", form, "snapshot", "status", path])
        same(found.encode(), run([utl, "-w", form, "snapshot", "status", path])[1], form)
    same(ours(["snapshot", "status"])[0], 128)
    data = scratch.sub("restored")
    good(ours, ["snapshot", "restore", path, "--data-dir", data, "--name", "m"])
    good(ours, ["defrag", "--data-dir", data])
    server = scratch.server("--name", "m", data=data)
    server.start()
    ours.address = server.address
    same(good(ours, ["get", "k"]), "k\nv\n")


@test("moat ctl make-mirror copies keys, then changes, under another prefix")
def mirrors(scratch):
    with Etcd(scratch, "a") as a, Etcd(scratch, "b") as b:
        ours = Program(as_etcdctl(scratch), a.address)
        there = Program(ours.command, b.address)
        for i in range(3):
            good(ours, ["put", f"app/{i}", f"v{i}"])
        good(ours, ["put", "other", "x"])
        for line, prefix in (
            (["--prefix", "app/"], "app/"),
            (["--prefix", "app/", "--dest-prefix", "copy/"], "copy/"),
            (["--prefix", "app/", "--no-dest-prefix"], ""),
        ):
            mirror = ours.start(["make-mirror", *line, b.address])
            keys = lambda p=prefix: good(
                there, ["get", p, "--prefix", "--keys-only"]
            ).split()
            wait_for(lambda k=keys: len(k()) >= 3, 20, "the first copy")
            same(keys()[:3], [f"{prefix}{i}" for i in range(3)])
            good((ours), ["put", "app/9", "new"])
            wait_for(lambda k=keys, p=prefix: f"{p}9" in k(), 20, "a put")
            good(ours, ["del", "app/9"])
            wait_for(lambda k=keys, p=prefix: f"{p}9" not in k(), 20, "a delete")
            stop(mirror)
            good(there, ["del", "", "--prefix"])
        same(good(there, ["get", "other"]), "")


@test("moat ctl logs in again when its token has run out")
def logs_in_again(scratch):
    with Etcd(scratch, "a", "--auth-token-ttl", "1") as a, Etcd(scratch, "b") as b:
        plain = Program(as_etcdctl(scratch), a.address)
        source = Program(plain.command, b.address)
        good(plain, ["user", "add", "root:top"])
        good(plain, ["auth", "enable"])
        mirror = source.start(["make-mirror", "--dest-user", "root:top", a.address])
        root = ["--user", "root:top"]
        for key in ("one", "two", "three"):
            good(source, ["put", key, "v"])
            wait_for(lambda k=key: good(plain, ["get", k, *root]), 20, key)
            time.sleep(2.5)  # longer than a token lives
        check(mirror.poll() is None, "the mirror goes on")
        stop(mirror)


@test("moat ctl shows again what is typed when a password prompt is interrupted")
def interrupted_prompt(scratch):
    terminal_or_leave_out()
    ctl = as_etcdctl(scratch)
    pid, terminal = pty.fork()
    if pid == 0:
        line = [ctl, "--user", "root", "get", "a"]
        os.execve(ctl, line, {**plain_environment(), "ETCDCTL_ENDPOINTS": "127.0.0.1:1"})
    echo = lambda: bool(termios.tcgetattr(terminal)[3] & termios.ECHO)
    wait_for(lambda: not echo(), 20, "the prompt")
    os.write(terminal, b"hal\x03")
    _, status = os.waitpid(pid, 0)
    same(os.WTERMSIG(status), signal.SIGINT)
    check(echo(), "the terminal still hides what is typed")
    shown = os.read(terminal, 1000)
    check(b"Password: " in shown and b"hal" not in shown, shown)
    os.close(terminal)


@test("moat ctl says what it cannot do yet, and with whom it could not talk")
def refuses(scratch):
    ctl = as_etcdctl(scratch)

    def refused(line, status, *parts, **environment):
        found, out, err = run([ctl, *line], env={**plain_environment(), **environment})
        same((found, out), (status, b""), f"{line}: {err.decode()}")
        for part in parts:
            check(part in err.decode(), f"{part!r} is not in", err.decode())

    for option in ("--cert", "--key"):
        refused(["get", "a", option, "f"], 128, "Error: KeyFile and CertFile must both be present")
    refused(["get", "a", "--cacert", "/none"], 128, "Error: open /none: no such file or directory")
    refused(["get", "a", "--cert="], 128, "empty string is passed to --cert option")
    refused(["get", "a", "-d", "example.com"], 128, "name the endpoints with --endpoints")
    port = free_port()
    refused(
        ["get", "a", "--endpoints", f"127.0.0.1:{port}", "--command-timeout", "300ms"],
        1,
        f"warning: 127.0.0.1:{port}: Connection refused\n",
        "Error: context deadline exceeded\n",
    )
    refused(["get", "a"], 1, "Error: ETCDCTL_API=2 does not work", ETCDCTL_API="2")
    refused(
        ["get", "a", "--hex"],
        1,
        'conflicting environment variable "ETCDCTL_HEX" is shadowed',
        ETCDCTL_HEX="true",
    )
    refused(
        ["get", "a", "--endpoints", f"127.0.0.1:{port}"],
        1,
        "warning: unrecognized environment variable ETCDCTL_COLOUR\n",
        ETCDCTL_COLOUR="red",
        ETCDCTL_COMMAND_TIMEOUT="100ms",
    )


@test("moat ctl check datascale and its cleaning up")
def checks_datascale(scratch):
    with Etcd(scratch, "a") as etcd:
        ours = Program(as_etcdctl(scratch), etcd.address)
        text = good(ours, ["check", "datascale", "--auto-compact", "--auto-defrag"])
        check("PASS: Approximate system memory used : " in text, text)
        check(f'Defragmented "{etcd.address}"' in text, text)
        same(good(ours, ["get", "", "--prefix"]), "", "what is left")
