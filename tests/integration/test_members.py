"""Members beside a real etcd: what etcdctl prints of changes, and what stays of them."""

import hashlib
import json
import re
import shutil
import subprocess
import threading
import time

from etcd import ENVIRONMENT, Ctl, Etcd
from harness import MOAT, check, free_port, has, plain_environment, run, same, test, wait_for

A, B, C, D = (f"http://127.0.0.1:{port}" for port in range(1, 5))

# {own} and {learner} are the members' IDs. Both servers run these from the top.
SCRIPT = """
member update {own} --peer-urls A
member list
member update {own} --peer-urls B,A -w json
member list -w table
member list -w json
member list -w fields
member update abc --peer-urls C
member update {own} --peer-urls nonsense
member list
member update {own} --peer-urls A
member add two --peer-urls A
member add two --peer-urls C,A --learner
member add two --peer-urls nonsense --learner
member add two --learner
member promote {own}
member promote abc
member remove abc
member remove {own}
member add two --peer-urls C,B --learner
member list
member list -w table
member list -w json
member list -w fields
member add three --peer-urls D --learner
member add three --peer-urls C --learner
member update {own} --peer-urls C
member promote {learner}
member remove {own}
endpoint health
put a 1
get a
member remove {learner}
member remove {learner}
member list
member add two --peer-urls C,D --learner -w json
member remove {learner} -w json
"""

# etcd 3.4 makes a voter of a learner whose URLs are changed. No URLs come twice: an etcd has no use
# any more for an ID that was removed, and in one second the same URLs give the same ID.
SCRIPT_37 = """
member add two --peer-urls B,D --learner
member update {learner} --peer-urls A
member update {learner} --peer-urls D
member list -w json
member remove {learner}
"""


class Side:
    """One server and the etcdctl that talks to it; remembers the members' IDs."""

    def __init__(self, url, version):
        self.url = url
        self.ctl = Ctl(url, version)
        self.own = f"{self.members()[0]['ID']:x}"
        self.learner = "123456789abcdef"

    def members(self):
        return self.ctl.json("member", "list")["members"]

    def __call__(self, line):
        line = line.format(own=self.own, learner=self.learner)
        line = re.sub(r"\b[ABCD]\b", lambda m: {"A": A, "B": B, "C": C, "D": D}[m[0]], line)
        status, out, err = self.ctl.run(*line.split())
        self.note_learner()
        text = out.decode() + err.decode().strip().splitlines()[-1] if err else out.decode()
        return status, self.normal(text)

    def note_learner(self):
        learner = next((m["ID"] for m in self.members() if m.get("isLearner")), None)
        self.learner = f"{learner:x}" if learner else self.learner

    def normal(self, text):
        text = text.replace(self.url, "URL").replace(self.learner, "LEARNER")
        text = text.replace(str(int(self.learner, 16)), "0")
        text = re.sub(r"took = \S+", "took", text)
        text = re.sub(r'("raft_term":|"RaftTerm" : )\d+', r"\g<1>0", text)
        text = re.sub(r"[ ─-]+", " ", text)  # the width of a table, and of an ID
        lines = [line for line in text.splitlines() if '"level"' not in line]
        # IDs decide the order, and a learner's is any.
        if text.startswith("{"):
            return order(json.loads(lines[0]))
        return sorted(sorted(re.split('[,"]', line)) for line in lines)


def order(answer):
    answer["members"] = sorted(answer.get("members", []), key=json.dumps)
    return answer


def pair(scratch, version):
    """A moat and an etcd with equal IDs."""
    peer_url = f"http://127.0.0.1:{free_port()}"
    etcd = Etcd(scratch, version, "etcd", peer_url)
    etcd.start()
    moat = scratch.server(
        *["--initial-advertise-peer-urls", peer_url, "--initial-cluster", f"default={peer_url}"]
    )
    moat.start()
    return moat, etcd


def compare(scratch, version, script):
    ours, theirs = (Side(server.url, version) for server in pair(scratch, version))
    lines = [line for line in script.splitlines() if line]
    for line in lines:
        same(ours(line), theirs(line), line)
    return f"{len(lines)} commands"


@test("members change as in etcd 3.4, as etcdctl 3.4 prints it")
def members_34(scratch):
    return compare(scratch, "3.4", SCRIPT)


@test("members change as in etcd 3.7, as etcdctl 3.7 prints it")
def members_37(scratch):
    return compare(scratch, "3.7", SCRIPT + SCRIPT_37)


@test("a learner's ID is etcd's: of its URLs and the second")
def learner_id(scratch):
    server = scratch.server("--max-learners", "2")
    server.start()
    ctl = Ctl(server.url)
    for urls in ([A], [C, B]):
        begun = int(time.time())
        found = ctl.json("member", "add", "x", "--learner", "--peer-urls", ",".join(urls))
        text = "".join(sorted(urls))
        possible = [
            int.from_bytes(hashlib.sha1(f"{text}{second}".encode()).digest()[:8], "big")
            for second in range(begun, int(time.time()) + 1)
        ]
        check(found["member"]["ID"] in possible, found)
    has(ctl.refused("member", "add", "x", "--learner", "--peer-urls", D), "too many learner")


def peer_members(server):
    status, out, _ = run(["curl", "-sf", server.peer_url + "/members"], env=plain_environment())
    same(status, 0)
    return json.loads(out)


@test("changed members outlast a kill, and stand in snapshots and on the peer URL")
def members_stay(scratch):
    server = scratch.server()
    server.start()
    ctl = Ctl(server.url)
    own = ctl.json("member", "list")["members"][0]["ID"]
    ctl("member", "update", f"{own:x}", "--peer-urls", 'http://"odd":1,' + A)
    learner = ctl.json("member", "add", "x", "--learner", "--peer-urls", B)["member"]["ID"]
    wanted = sorted([(own, ['http://"odd":1', A], False), (learner, [B], True)])

    def listed(members):
        return [(m.get("ID") or m["id"], m["peerURLs"], m.get("isLearner", False)) for m in members]

    for _ in range(2):
        same(listed(ctl.json("member", "list")["members"]), wanted)
        same(listed(peer_members(server)), wanted)
        server.kill()
        server.start()
    snapshot = scratch.sub("snapshot")
    ctl("snapshot", "save", snapshot)
    with open(snapshot, "rb") as f:
        data = f.read()
    check(b'%x{"id":%d,"peerURLs":["%s"],"isLearner":true}' % (learner, learner, B.encode()) in data)
    check(b'"learners":[%d]' % learner in data, "no learner in the snapshot's ConfState")
    again = scratch.server(data="again", log="again.log")
    status, _, err = run([MOAT, "import", "--snapshot", snapshot, "--data-dir", again.data])
    same(status, 0, err)
    again.start()
    members = Ctl(again.url).json("member", "list")["members"]
    same([m["peerURLs"] for m in members], [["http://localhost:2380"]], "its own member alone")
    ctl("member", "remove", f"{learner:x}")
    server.kill()
    server.start()
    same(listed(peer_members(server)), [m for m in wanted if m[0] == own])


@test("a member that moved is started with its new peer URLs, and keeps its IDs")
def moved(scratch):
    old, new, other = (f"http://127.0.0.1:{free_port()}" for _ in range(3))
    flags = ["--initial-advertise-peer-urls", old, "--initial-cluster", f"default={old}"]
    server = scratch.server(*flags)
    server.start()
    ctl = Ctl(server.url)
    before = ctl.json("member", "list")
    ctl("put", "a", "1")
    ctl("member", "update", f"{before['members'][0]['ID']:x}", "--peer-urls", new)
    server.stop()
    server.flags = [flag.replace(old, new) for flag in flags]
    server.start()
    after = ctl.json("member", "list")
    same(after["header"]["cluster_id"], before["header"]["cluster_id"])
    same(after["members"], [{**before["members"][0], "peerURLs": [new]}])
    same(ctl("get", "a"), "a\n1\n")
    server.stop()
    server.flags = [flag.replace(old, other) for flag in flags]
    has(server.sentence(), "belongs to")
    server.flags = flags
    server.start()
    same(ctl.json("member", "list")["members"], after["members"])


# Without a majority. What waits is given up by etcdctl here, by the servers below.
WITHOUT = """
get a --consistency=s
member add three --peer-urls C
member add three --peer-urls A
member add three --peer-urls C --learner
member remove {own}
member remove abc
move-leader {learner}
lease list
endpoint hashkv
put a 2 --command-timeout=300ms
get a --command-timeout=300ms
lease grant 10 --command-timeout=300ms
member remove {learner} --command-timeout=300ms
member update {learner} --peer-urls D --command-timeout=300ms
"""

# What the server itself answers in the end, alike by both.
GIVEN_UP = [
    ("kv/range", {"key": "YQ=="}),
    ("kv/txn", {"success": [{"requestRange": {"key": "YQ=="}}]}),
    ("lease/timetolive", {"ID": 7}),
    ("lease/keepalive", {"ID": 7}),
    ("cluster/member/promote", {"ID": 1234}),
]


def post(server, path, request):
    status, out, _ = run(
        ["curl", "-s", "-m", "60", f"{server.url}/v3/{path}", "-d", json.dumps(request)],
        env=plain_environment(),
    )
    return json.loads(out) if status == 0 else {"curl": status}


def post_all(calls):
    """All at once, (server, path, request) each: they wait for seconds."""
    answers = [None] * len(calls)

    def one(i):
        answers[i] = post(*calls[i])

    threads = [threading.Thread(target=one, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def failure(answer):
    """The text and the code, of a call's answer or a stream's."""
    error = answer.get("error")
    if isinstance(error, dict):
        return error["message"], error["grpc_code"]
    return error, answer.get("code")


class Voters(Side):
    """A server that had a voter added which never starts; its ID is `learner`."""

    def __init__(self, server, version):
        super().__init__(server.url, version)
        self.ctl("put", "a", "1")
        post(server, "lease/grant", {"ID": 7, "TTL": 3000})
        added = self.ctl.json("member", "add", "two", "--peer-urls", B)
        same(len(added["members"]), 2)
        same(added["member"].get("name"), None)
        self.learner = f"{added['member']['ID']:x}"
        wait_for(self.leads_no_more, 30, f"{server.url} to step down")

    def status(self):
        return self.ctl.json("endpoint", "status")[0]["Status"]

    def leads_no_more(self):
        return self.status().get("leader", 0) == 0

    def note_learner(self):
        """There is none; and to list members would wait as well."""


@test("a second voter that does not start costs the majority, and is told of as in etcd 3.4")
def second_voter(scratch):
    moat, etcd = pair(scratch, "3.4")
    ours, theirs = Voters(moat, "3.4"), Voters(etcd, "3.4")
    same(ours.status()["errors"], theirs.status()["errors"])
    for line in [line for line in WITHOUT.splitlines() if line]:
        same(voter_answer(ours, line), voter_answer(theirs, line), line)
    put = (moat, "kv/put", {"key": "YQ==", "value": "Mg=="})
    both = [(server, *call) for call in GIVEN_UP for server in (moat, etcd)]
    put, *answers = post_all([put, *both])
    for call, mine, its in zip(GIVEN_UP, answers[::2], answers[1::2]):
        same(failure(mine), failure(its), call)
    same(failure(put), ("context deadline exceeded", 4))  # 3.7's code; 3.4 has 2
    has(put["explain"], ours.learner, B, "--force-new-cluster")
    metrics = run(["curl", "-s", moat.url + "/metrics"], env=plain_environment())[1].decode()
    has(metrics, "\netcd_server_has_leader 0\n", "\netcd_server_is_leader 0\n")
    health = run(["curl", "-s", moat.url + "/health"], env=plain_environment())[1]
    same(json.loads(health), {"health": "false", "reason": "RAFT NO LEADER"})


def voter_answer(side, line):
    status, text = side(line)
    # etcdctl tells the same failure in several ways, as the moment has it.
    return (status, "given up") if "--command-timeout" in line and status else (status, text)


@test("etcdctl's watch, which asks for a leader, ends without one as from etcd 3.4 and 3.7")
def watch_needs_leader(scratch):
    def watched(server, version):
        """How its watch ends, that was there when the leader went."""
        ctl = Ctl(server.url, version)
        command = [*ctl.command, "watch", "a"]
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT
        ) as watch:
            metrics = ["curl", "-s", server.url + "/metrics"]
            there = b"etcd_debugging_mvcc_watcher_total 1\n"
            try:
                wait_for(lambda: there in run(metrics, env=plain_environment())[1], 30, "a watch")
                ctl("member", "add", "two", "--peer-urls", B)
                out, err = watch.communicate(timeout=60)
            finally:
                watch.kill()
            lines = [line for line in err.decode().splitlines() if '"level"' not in line]
            return watch.returncode, out, lines

    for version in ("3.4", "3.7"):
        moat, etcd = pair(scratch, version)
        same(watched(moat, version), watched(etcd, version), version)
        moat.kill()
        etcd.kill()
        shutil.rmtree(moat.data)
        shutil.rmtree(etcd.data)


@test("--force-new-cluster is the way back from a lost majority, for moat as for etcd 3.4")
def way_back(scratch):
    moat, etcd = pair(scratch, "3.4")
    pending = Voters(moat, "3.4").learner
    Voters(etcd, "3.4")
    moat.kill()
    moat.start()  # etcd answers nobody now; reads that need no majority go on here
    ctl = Ctl(moat.url, "3.4")
    same(ctl("get", "a", "--consistency=s"), "a\n1\n")
    same(ctl.json("endpoint", "status")[0]["Status"]["errors"], ["etcdserver: no leader"])
    refused = ctl.refused("member", "add", "three", "--peer-urls", C)
    has(refused, "not enough started members")
    moat.logs("cluster.no_leader", pending)
    for flags in (["--force-new-cluster"], ["--force-new-cluster"], []):
        for server in (moat, etcd):
            server.kill()
            server.flags = [f for f in server.flags if f != "--force-new-cluster"] + flags
            server.start()
            ctl = Ctl(server.url, "3.4")
            wait_for(lambda c=ctl: "leader" in c.json("endpoint", "status")[0]["Status"], 30, "lead")
            same(ctl("get", "a"), "a\n1\n")
            same(len(ctl.json("member", "list")["members"]), 1)
            ctl("put", "b", "1")
            ctl("lease", "timetolive", "7")
    same(moat.log().count("removed member"), 1, "lines of members that were dropped")
    moat.logs("removed member", pending, B)
    ctl = Ctl(moat.url, "3.4")
    ctl.json("member", "add", "two", "--peer-urls", B)  # once more
    wait_for(lambda: "leader" not in ctl.json("endpoint", "status")[0]["Status"], 30, "no lead")


@test("without --strict-reconfig-check changes wait for a majority that is lost")
def not_strict(scratch):
    server = scratch.server("--strict-reconfig-check=false")
    server.start()
    side = Voters(server, "3.7")
    for line in ("member add x --peer-urls C", "member add x --peer-urls C --learner"):
        status, _ = side(line + " --command-timeout=300ms")
        check(status != 0, line)
        check("started" not in side(line + " --command-timeout=300ms")[1], "it is judged")
