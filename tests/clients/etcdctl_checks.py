"""What etcdctl does and prints, command by command, for every program that is one: etcdctl 3.4 and
3.7, and ours under its name."""

import dataclasses
import json
import os
import re

import harness
from harness import check, has, plain_environment, run, same, wait_for
from live import Live
from setting import healthy

ROOT = ["--user", "root:secret"]
CHECKS = []


@dataclasses.dataclass
class Program:
    """The program under test."""

    etcdctl: str = ""
    etcdutl: str = ""
    restores_for: str = ""
    environment: dict = dataclasses.field(default_factory=dict)


PROGRAM = Program()


def test(sentence):
    """As harness.test, for each program that use() is told of."""

    def register(function):
        CHECKS.append((sentence, function))
        return function

    return register


def use(client, etcdctl, etcdutl, restores_for, environment):
    """Register the checks for a client: a pair of programs, the kind of server for which the second
    restores snapshots, and variables that the first wants."""
    vars(PROGRAM).update(
        etcdctl=etcdctl, etcdutl=etcdutl, restores_for=restores_for, environment=environment
    )
    harness.TESTS += [(client, sentence, function) for sentence, function in CHECKS]


def command(server, *arguments):
    return [PROGRAM.etcdctl, "--endpoints", server.address, "--command-timeout", "20s", *arguments]


def environment():
    return {**plain_environment(), **PROGRAM.environment}


def finish(server, *arguments, stdin="", **options):
    """Run a command to its end; return (exit status, stdout, stderr)."""
    status, out, err = run(
        command(server, *arguments), input=stdin.encode(), env=environment(), **options
    )
    return status, out.decode(), err.decode()


def ctl(server, *arguments, **options):
    """Run a command that must succeed; return what it printed."""
    status, out, err = finish(server, *arguments, **options)
    check(status == 0, f"etcdctl {' '.join(arguments)}: exit status {status}\n{out}{err}")
    return out


def ctl_json(server, *arguments):
    return json.loads(ctl(server, *arguments, "-w", "json"))


def snapshot(*arguments):
    """Run a command on a snapshot's file; return what it printed."""
    status, out, err = run([PROGRAM.etcdutl, "snapshot", *arguments], env=environment())
    check(
        status == 0, f"snapshot {' '.join(arguments)} ended with {status}: {(out + err).decode()}"
    )
    return out.decode()


def refused(server, *arguments, **options):
    """Run a command that must fail; return what it said."""
    status, out, err = finish(server, *arguments, **options)
    check(status != 0, f"etcdctl {' '.join(arguments)} must fail, and printed:\n{out}{err}")
    return out + err


def live(server, *arguments, **options):
    return Live(command(server, *arguments), env={**environment(), **options})


@test("put, get and del, with each option that selects, sorts and limits")
def keys(scratch):
    server = scratch.server()
    for number in range(1, 6):
        same(ctl(server, "put", f"k{number}", f"v{6 - number}"), "OK\n")
    same(ctl(server, "put", "k1", "new", "--prev-kv"), "OK\nk1\nv5\n")
    same(ctl(server, "get", "k1"), "k1\nnew\n")
    same(ctl(server, "get", "k1", "--rev", "2"), "k1\nv5\n")
    same(ctl(server, "get", "k2", "k4"), "k2\nv4\nk3\nv3\n")
    same(ctl(server, "get", "k4", "--from-key", "--keys-only"), "k4\n\nk5\n\n")
    same(ctl(server, "get", "k", "--prefix", "--limit", "1", "--print-value-only"), "new\n")
    descending = ["--sort-by", "VALUE", "--order", "DESCEND", "--limit", "2", "--keys-only"]
    same(ctl(server, "get", "k2", "--from-key", *descending), "k2\n\nk3\n\n")
    has(ctl(server, "get", "k", "--prefix", "--limit", "1", "-w", "fields"), '"Count" : 5')
    same(ctl(server, "get", "k1", "--consistency", "s"), "k1\nnew\n")
    same(ctl(server, "del", "k1", "--prev-kv"), "1\nk1\nnew\n")
    same(ctl(server, "del", "k2", "k4"), "2\n")
    same(ctl(server, "del", "k", "--prefix"), "2\n")
    same(ctl(server, "del", "k", "--prefix"), "0\n")


@test("txn takes the branch that its comparisons choose")
def transactions(scratch):
    server = scratch.server()
    ctl(server, "put", "a", "1")
    text = 'mod("a") > "0"\nval("a") = "1"\n\nput b "2"\ndel a --prev-kv\n\nget a\n\n'
    same(ctl(server, "txn", stdin=text).split(), ["SUCCESS", "OK", "1", "a", "1"])
    same(ctl(server, "txn", stdin=text).split(), ["FAILURE"])
    same(ctl(server, "get", "b"), "b\n2\n")
    with live(server, "txn", "-i") as typed:
        typed.until("compares:")
        typed.type('ver("b") = "1"\n\n')
        typed.until("success requests (get, put, del):")
        typed.type("put c 3\n\n\n")
        typed.until("SUCCESS")
        same(typed.ended(), 0)
    same(ctl(server, "get", "c"), "c\n3\n")


@test("compaction ends the history before it, and says so")
def compaction(scratch):
    server = scratch.server()
    for number in range(1, 6):
        ctl(server, "put", "a", str(number))
    same(ctl(server, "compaction", "5", "--physical"), "compacted revision 5\n")
    has(refused(server, "get", "a", "--rev", "4"), "required revision has been compacted")
    has(refused(server, "compaction", "5"), "required revision has been compacted")
    has(refused(server, "compaction", "99"), "required revision is a future revision")
    same(ctl(server, "get", "a", "--rev", "5"), "a\n4\n")
    with live(server, "watch", "a", "--rev", "2") as watch:
        watch.until("required revision has been compacted")
        check(watch.ended() != 0, "the watch ended well")


@test("watch shows puts and deletes, from the past, of a prefix, with the value before")
def watching(scratch):
    server = scratch.server()
    ctl(server, "put", "w/a", "1")
    with live(server, "watch", "w/", "--prefix", "--rev", "2", "--prev-kv") as watch:
        watch.until("PUT\nw/a\n1\n")
        ctl(server, "put", "w/a", "2")
        watch.until("PUT\nw/a\n1\nw/a\n2\n")
        ctl(server, "put", "x", "not in the prefix")
        ctl(server, "del", "w/", "--prefix")
        same(watch.until("DELETE\nw/a\n2\nw/a\n\n"), "")
    with live(server, "watch", "w/b", "w/d", "-w", "json", "--rev", "2") as watch:
        ctl(server, "put", "w/c", "3")
        has(watch.until('"version":1'), '"Events"')


@test("watch runs a program for each event, and takes commands")
def watch_exec(scratch):
    server = scratch.server()
    shell = 'echo "$ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_KEY=$ETCD_WATCH_VALUE."'
    with live(server, "watch", "a", "--rev", "1", "--", "sh", "-c", shell) as watch:
        ctl(server, "put", "a", "1")
        watch.until('"PUT" "a"="1".')
    with live(server, "watch", "-i") as watch:
        watch.type("watch one --rev 1\nwatch two --rev 1\n")
        ctl(server, "put", "two", "2")
        watch.until("PUT\ntwo\n2\n")
        ctl(server, "put", "one", "1")
        watch.until("PUT\none\n1\n")
        watch.type("progress\n")
        watch.until("progress notify: ")


@test("watch sees one revision of many keys whole, in each key's order")
def watch_txn(scratch):
    server = scratch.server()
    names = [f"t/{number:02}" for number in range(40)]
    with live(server, "watch", "t/", "--prefix", "--rev", "1") as watch:
        puts = "".join(f"put {name} x\n" for name in names)
        ctl(server, "txn", stdin=f"\n{puts}\n\n")
        for name in names:
            same(watch.until(f"PUT\n{name}\nx\n"), "")


@test("lease grant, put, timetolive, list, keep-alive and revoke")
def leases(scratch):
    server = scratch.server()
    lease = re.fullmatch(
        r"lease (\w+) granted with TTL\(60s\)\n", ctl(server, "lease", "grant", "60")
    )
    check(lease, "no lease was granted")
    lease = lease[1]
    ctl(server, "put", "a", "1", "--lease", lease)
    told = ctl(server, "lease", "timetolive", lease, "--keys")
    has(told, f"lease {lease} granted with TTL(60s), remaining(", "attached keys([a])")
    has(ctl(server, "lease", "list"), "found 1 leases", lease)
    has(
        ctl(server, "lease", "keep-alive", "--once", lease),
        f"lease {lease} keepalived with TTL(60)",
    )
    same(ctl_json(server, "get", "a")["kvs"][0]["lease"], int(lease, 16))
    same(ctl(server, "put", "a", "2", "--ignore-lease"), "OK\n")
    same(ctl(server, "put", "a", "--ignore-value", "--lease", lease), "OK\n")
    same(ctl(server, "lease", "revoke", lease), f"lease {lease} revoked\n")
    same(ctl(server, "get", "a"), "")
    has(ctl(server, "lease", "timetolive", lease), f"lease {lease} already expired")
    has(refused(server, "lease", "revoke", lease), "requested lease not found")
    has(refused(server, "put", "a", "1", "--lease", lease), "requested lease not found")
    has(ctl(server, "lease", "list"), "found 0 leases")


@test("a lease that is not kept alive takes its keys with it, one that is kept stays")
def lease_expiry(scratch):
    server = scratch.server()
    short, kept = (ctl(server, "lease", "grant", ttl).split()[1] for ttl in ("3", "6"))
    ctl(server, "put", "short", "1", "--lease", short)
    ctl(server, "put", "kept", "1", "--lease", kept)
    with live(server, "lease", "keep-alive", kept) as keep, live(server, "watch", "short") as watch:
        keep.until(f"lease {kept} keepalived with TTL(6)")
        watch.until("DELETE\nshort\n")
        for _ in range(3):
            keep.until("keepalived with TTL(6)")
        same(ctl(server, "get", "", "--prefix", "--keys-only"), "kept\n\n")
        ctl(server, "lease", "revoke", kept)
        keep.until("expired or revoked")


@test("lock is held by one, goes to the next, and runs a program under it")
def locking(scratch):
    server = scratch.server()
    with live(server, "lock", "mutex") as first:
        key = first.until("\n")
        check(key.startswith("mutex/"), "the key is", key)
        with live(server, "lock", "mutex") as second:
            wait_for(
                lambda: ctl(server, "get", "mutex/", "--prefix", "--keys-only").count("/") == 2,
                20,
                "the second key of the lock",
            )
            same(second.output, "")
            same(first.interrupt(), 0)
            check(second.until("\n").startswith("mutex/"), "the second key is", second.output)
            same(second.interrupt(), 0)
    same(ctl(server, "get", "mutex", "--prefix"), "")
    out = ctl(
        server,
        "lock",
        "mutex",
        "--ttl",
        "7",
        "--",
        "sh",
        "-c",
        'echo "$ETCD_LOCK_KEY $ETCD_LOCK_REV"',
    )
    check(re.match(r"mutex/\w+ \d+\n", out), "under the lock it printed", out)
    has(refused(server, "lock", "mutex", "--", "sh", "-c", "exit 3"), "exit status 3")


@test("elect has one leader at a time, and listeners see who")
def elections(scratch):
    server = scratch.server()
    with (
        live(server, "elect", "-l", "post") as listener,
        live(server, "elect", "post", "p1") as first,
    ):
        first.until("post/")
        first.until("p1\n")
        listener.until("post/")
        listener.until("p1\n")
        with live(server, "elect", "post", "p2") as second:
            wait_for(lambda: "p2" in ctl(server, "get", "post/", "--prefix"), 20, "the second")
            same(second.output, "")
            same(first.interrupt(), 0)
            second.until("p2\n")
            listener.until("p2\n")
            same(second.interrupt(), 0)


@test("member list and endpoint health, status and hashkv, in each format")
def endpoints(scratch):
    server = scratch.server("--name", "one")
    listed = ctl(server, "member", "list").strip().split(", ")
    same(listed[1:], ["started", "one", "http://localhost:2380", server.url, "false"])
    same(f"{ctl_json(server, 'member', 'list')['members'][0]['ID']:x}", listed[0])
    has(ctl(server, "member", "list", "-w", "table"), " started ", " one ")
    for given in ([], ["--cluster"]):
        status, out, err = finish(server, "endpoint", "health", *given)
        has(out + err, "is healthy: successfully committed proposal")
        same(status, 0)
    fields = ctl(server, "endpoint", "status").strip().split(", ")
    same(fields[:2], [server.address, listed[0]])
    check("true" in fields and "false" in fields, "it is no leader, or a learner, in", fields)
    status = ctl_json(server, "endpoint", "status")[0]["Status"]
    same(status["leader"], status["header"]["member_id"])
    check(status["raftTerm"] > 0 and status["raftIndex"] > 0, "term and index in", status)
    check(status["dbSize"] >= status["dbSizeInUse"] > 0, "sizes in", status)
    for form in ("table", "fields", "simple"):
        has(ctl(server, "endpoint", "status", "-w", form), server.address)
    hashed = re.match(rf"{server.address}, (\d+)\b", ctl(server, "endpoint", "hashkv"))
    ctl(server, "put", "a", "1")
    other = ctl_json(server, "endpoint", "hashkv")[0]["HashKV"]
    check(hashed and int(hashed[1]) != other["hash"], "HashKV stays", other)


@test("member add, update, remove and promote answer as for a cluster of one")
def members(scratch):
    server = scratch.server()
    member = ctl(server, "member", "list").split(",")[0]
    own = "http://localhost:2380"
    has(ctl(server, "member", "update", member, "--peer-urls", own), f"Member {member} updated")
    has(refused(server, "member", "update", "abc", "--peer-urls", own), "member not found")
    has(refused(server, "member", "promote", member), "can only promote a learner member")
    has(refused(server, "member", "remove", "abc"), "member not found")
    has(refused(server, "member", "add", "two", "--peer-urls", own), "Peer URLs already exists")
    has(refused(server, "move-leader", "abc"), "bad leader transferee")


@test("member add of a voter costs one member its majority; --force-new-cluster gives it back")
def second_voter(scratch):
    server = scratch.server()
    ctl(server, "put", "a", "1")
    url = f"http://127.0.0.1:{harness.free_port()}"
    added = ctl(server, "member", "add", "two", "--peer-urls", url)
    has(added, " added to cluster ", f"two={url}", 'ETCD_INITIAL_CLUSTER_STATE="existing"')

    def status():
        return ctl_json(server, "endpoint", "status")[0]["Status"]

    wait_for(lambda: not status().get("leader"), 30, "the leader to step down")
    same(status()["errors"], ["etcdserver: no leader"])
    few = "re-configuration failed due to not enough started members"
    has(refused(server, "member", "add", "three", "--peer-urls", url), few)
    has(refused(server, "member", "add", "three", "--peer-urls", url, "--learner"), "unhealthy")
    check(finish(server, "put", "a", "2", "--command-timeout=500ms")[0] != 0, "a put is answered")
    check(finish(server, "get", "a", "--command-timeout=500ms")[0] != 0, "a read is answered")
    same(ctl(server, "get", "a", "--consistency=s"), "a\n1\n")
    for flags in (["--force-new-cluster"], []):
        server.kill()
        server.flags = flags
        server.start()
        wait_for(lambda: healthy(server), 30, "a healthy server")
        same(ctl(server, "get", "a"), "a\n1\n")
        same(len(ctl(server, "member", "list").splitlines()), 1)
        ctl(server, "put", "b", "1")


@test("member update gives a member another peer URL")
def member_moves(scratch):
    server = scratch.server()
    member = ctl(server, "member", "list").split(",")[0]
    moved = f"http://127.0.0.1:{harness.free_port()}"
    has(ctl(server, "member", "update", member, "--peer-urls", moved), f"Member {member} updated")
    has(ctl(server, "member", "list"), moved)


@test("alarm list and disarm, when the quota is used up and free again")
def alarms(scratch):
    server = scratch.server("--quota-backend-bytes", str(16 << 20))
    same(ctl(server, "alarm", "list"), "")
    block = scratch.sub("block")
    with open(block, "w", encoding="ascii") as file:
        file.write("x" * (1 << 20))

    def put_fails():
        with open(block, encoding="ascii") as file:
            status, _, err = finish(server, "put", "a", stdin=file.read())
        return status != 0 and err

    has(wait_for(put_fails, 60, "a used-up quota"), "database space exceeded")
    has(ctl(server, "alarm", "list"), "memberID:", "alarm:NOSPACE")
    has(refused(server, "put", "b", "1"), "database space exceeded")
    ctl(server, "del", "a")
    revision = ctl_json(server, "get", "a")["header"]["revision"]
    ctl(server, "compaction", str(revision), "--physical")
    has(ctl(server, "defrag"), f"Finished defragmenting etcd member[{server.address}]")
    has(ctl(server, "alarm", "disarm"), "alarm:NOSPACE")
    same(ctl(server, "alarm", "list"), "")
    same(ctl(server, "put", "b", "1"), "OK\n")


def contents(server, *options):
    """All that a snapshot must keep."""
    found = ctl_json(server, "get", "", "--prefix", *options)["kvs"]
    held = sorted(lease["id"] for lease in ctl_json(server, "lease", "list", *options)["leases"])
    ann = ctl(server, "user", "get", "ann", "--detail", *options)
    names = ctl(server, "user", "list", *options), ctl(server, "role", "list", *options)
    return found, held, ann, names


@test("snapshot save, status and restore: an etcd on it has keys, leases, users and roles")
def snapshots(scratch):
    server = scratch.server()
    for number in range(20):
        ctl(server, "put", f"k{number:02}", "x" * 1000)
    ctl(server, "del", "k19")
    ctl(server, "put", "leased", "1", "--lease", ctl(server, "lease", "grant", "3600").split()[1])
    for line in [
        "user add root:secret",
        "user grant-role root root",
        "user add ann:pw",
        "role add r",
        "role grant-permission r readwrite own",
        "user grant-role ann r",
        "auth enable",
    ]:
        ctl(server, *line.split())
    saved, restored = scratch.sub("saved.db"), scratch.sub("restored")
    has(ctl(server, "snapshot", "save", saved, *ROOT), "Snapshot saved at " + saved)
    status = json.loads(snapshot("status", saved, "-w", "json"))
    same(status["revision"], 23)
    check(abs(status["totalSize"] - os.path.getsize(saved)) < 512, "its size is", status)
    check(status["totalKey"] >= 20, "keys in", status)
    snapshot("restore", saved, "--data-dir", restored)
    other = scratch.server(kind=PROGRAM.restores_for, data=restored, log="log2")
    has(refused(other, "get", "leased"), "user name is empty")
    same(contents(other, *ROOT), contents(server, *ROOT))


@test("make-mirror copies what is there and what comes, under another prefix")
def mirrors(scratch):
    source, target = scratch.server(), scratch.server(data="data2", log="log2")
    ctl(source, "put", "m/a", "1")
    given = [
        "--prefix",
        "m/",
        "--dest-prefix",
        "copy/",
        "--dest-insecure-transport",
        target.address,
    ]
    with live(source, "make-mirror", *given) as mirror:
        wait_for(lambda: ctl(target, "get", "copy/a") == "copy/a\n1\n", 20, "what was there")
        ctl(source, "put", "m/b", "2")
        ctl(source, "put", "other", "3")
        wait_for(lambda: ctl(target, "get", "copy/b") == "copy/b\n2\n", 20, "what came")
        ctl(source, "del", "m/a")
        wait_for(lambda: ctl(target, "get", "copy/a") == "", 20, "what went")
        same(mirror.process.poll(), None)
    same(ctl(target, "get", "", "--prefix", "--keys-only"), "copy/b\n\n")


@test("check datascale writes its load, and takes the server's memory from its metrics")
def check_datascale(scratch):
    server = scratch.server()
    out = ctl(server, "check", "datascale", "--load", "s", "--auto-compact", "--auto-defrag")
    has(out, "PASS: Approximate system memory used")
    same(ctl(server, "get", "/etcdctl-check-datascale/", "--prefix", "--keys-only"), "")


@test("users, roles and rights: who may do what, and what each command prints")
def rights(scratch):
    server = scratch.server()
    same(ctl(server, "user", "add", "root:secret"), "User root created\n")
    same(ctl(server, "user", "grant-role", "root", "root"), "Role root is granted to user root\n")
    same(ctl(server, "role", "add", "reader"), "Role reader created\n")
    grant = ["role", "grant-permission", "reader"]
    same(ctl(server, *grant, "read", "pub/", "--prefix"), "Role reader updated\n")
    ctl(server, *grant, "readwrite", "own")
    same(
        ctl(server, "user", "add", "ann", "--interactive=false", stdin="old\n"),
        "User ann created\n",
    )
    same(ctl(server, "user", "grant-role", "ann", "reader"), "Role reader is granted to user ann\n")
    same(ctl(server, "auth", "enable"), "Authentication Enabled\n")

    ann = ["--user", "ann", "--password", "old"]
    has(refused(server, "get", "own"), "user name is empty")
    has(refused(server, "get", "own", "--user", "ann:wrong"), "authentication failed")
    same(ctl(server, "put", "own", "1", *ann), "OK\n")
    same(ctl(server, "put", "pub/a", "1", *ROOT), "OK\n")
    same(ctl(server, "get", "pub/", "--prefix", *ann), "pub/a\n1\n")
    has(refused(server, "put", "pub/a", "2", *ann), "permission denied")
    has(refused(server, "get", "a", "z", *ann), "permission denied")
    has(refused(server, "user", "list", *ann), "permission denied")

    same(ctl(server, "user", "list", *ROOT), "ann\nroot\n")
    same(ctl(server, "user", "get", "ann", *ROOT), "User: ann\nRoles: reader\n")
    has(ctl(server, "user", "get", "ann", "--detail", *ROOT), "KV Read:", "[pub/, pub0)", "own")
    has(ctl(server, "role", "list", *ROOT), "reader\n")
    has(
        ctl(server, "role", "get", "reader", *ROOT),
        "KV Write:\n\town",
        "[pub/, pub0) (prefix pub/)",
    )
    passwd = ["user", "passwd", "ann", "--interactive=false", *ROOT]
    same(ctl(server, *passwd, stdin="new\n"), "Password updated\n")
    has(refused(server, "get", "own", *ann), "authentication failed")
    same(ctl(server, "get", "own", "--user", "ann:new"), "own\n1\n")
    ctl(server, "role", "revoke-permission", "reader", "own", *ROOT)
    has(refused(server, "get", "own", "--user", "ann:new"), "permission denied")
    ctl(server, "user", "revoke-role", "ann", "reader", *ROOT)
    has(refused(server, "get", "pub/a", "--user", "ann:new"), "permission denied")
    same(ctl(server, "role", "delete", "reader", *ROOT), "Role reader deleted\n")
    same(ctl(server, "user", "delete", "ann", *ROOT), "User ann deleted\n")
    has(refused(server, "user", "delete", "root", *ROOT), "invalid auth management")
    same(ctl(server, "auth", "disable", *ROOT), "Authentication Disabled\n")
    same(ctl(server, "get", "own"), "own\n1\n")


@test("with auth on: watch, lease, lock and snapshot ask for rights, too")
def rights_elsewhere(scratch):
    server = scratch.server()
    for line in [
        "user add root:secret",
        "user grant-role root root",
        "user add ann:pw",
        "role add r",
        "role grant-permission r readwrite own",
        "user grant-role ann r",
        "auth enable",
    ]:
        ctl(server, *line.split())
    ann = ["--user", "ann:pw"]
    lease = ctl(server, "lease", "grant", "60", *ann).split()[1]
    ctl(server, "put", "own", "1", "--lease", lease, *ann)
    with live(server, "watch", "own", "--rev", "1", *ann) as watch:
        watch.until("PUT\nown\n1\n")
    with live(server, "watch", "other", *ann) as watch:
        watch.until("permission denied")
        check(watch.ended() != 0, "the refused watch ended well")
    ctl(server, "put", "other", "1", "--lease", lease, *ROOT)
    has(refused(server, "lease", "revoke", lease, *ann), "permission denied")
    has(refused(server, "lock", "mutex", *ann), "permission denied")
    has(refused(server, "snapshot", "save", scratch.sub("s"), *ann), "permission denied")
    ctl(server, "snapshot", "save", scratch.sub("s"), *ROOT)
    same(ctl(server, "lease", "revoke", lease, *ROOT), f"lease {lease} revoked\n")


@test("version asks no server; a wrong address and a wrong command fail with a sentence")
def without_server(scratch):
    server = scratch.server()
    has(ctl(server, "version"), "etcdctl version: 3.", "API version: 3.")
    server.kill()
    has(
        refused(server, "get", "a", "--command-timeout", "300ms", "--dial-timeout", "300ms"),
        "context",
    )
    has(refused(server, "endpoint", "health", "--command-timeout", "300ms"), "is unhealthy")
    has(refused(server, "nonsense"), "unknown command")


@test("watch, lease keep-alive, lock and elect go on when the server is killed and starts again")
def server_restart(scratch):
    server = scratch.server()
    lease = ctl(server, "lease", "grant", "30").split()[1]
    ctl(server, "put", "w/leased", "1", "--lease", lease)
    with (
        live(server, "watch", "w/", "--prefix", "--rev", "1") as watch,
        live(server, "lease", "keep-alive", lease) as keep,
        live(server, "lock", "mutex", "--ttl", "30") as lock,
        live(server, "elect", "post", "p1") as leader,
    ):
        watch.until("w/leased\n1\n")
        keep.until("keepalived with TTL(30)")
        lock.until("mutex/")
        leader.until("p1\n")
        for number in range(3):
            server.kill()
            server.start()
            wait_for(lambda: finish(server, "put", f"w/{number}", "2")[0] == 0, 30, "the server")
            watch.until(f"w/{number}\n2\n")
        keep.until("keepalived with TTL(30)")
        same([live.process.poll() for live in (watch, keep, lock, leader)], [None] * 4)
        has(ctl(server, "get", "", "--prefix", "--keys-only"), "mutex/", "post/", "w/leased")
        same(lock.interrupt(), 0)
        same(leader.interrupt(), 0)
        same(ctl(server, "get", "mutex", "q"), "")


@test("check perf: a minute of small load passes")
def check_perf(scratch):
    server = scratch.server()
    # How even the latencies are is this machine's matter; 150 writes a second are not much.
    _, out, err = finish(server, "check", "perf", "--load", "s", timeout=150)
    has(out + err, "PASS: Throughput is")
