"""/metrics and the health checks, as monitoring reads them: beside etcd 3.7, and by promtool."""

import contextlib
import os
import re
import shutil
import time

from harness import LeftOut, check, free_port, has, peer, run, same, test, wait_for
from test_ctl import start_etcd
from test_gateway import Stream, ask, b64, post


def serve(scratch, *flags):
    server = scratch.server(*flags)
    server.start()
    return server


class Families:
    """The text format: name → type, and name with labels → value."""

    def __init__(self, text):
        self.types, self.help, self.values = {}, {}, {}
        for line in text.splitlines():
            if line.startswith("# HELP "):
                _, _, name, self.help[name] = line.split(" ", 3)
            elif line.startswith("# TYPE "):
                _, _, name, self.types[name] = line.split(" ")
            elif line:
                name, _, value = line.rpartition(" ")
                self.values[name] = float(value)

    def __getitem__(self, name):
        check(name in self.values, name, "is not among the series")
        return self.values[name]

    def shapes(self, family):
        """Each series of a family without its values of labels other than le."""
        found = set()
        for name in self.values:
            if re.match(rf"{family}(_bucket|_sum|_count)?(\{{|$)", name):
                found.add(re.sub(r'(?<!\ble)="[^"]*"', '=""', name))
        return found


def scrape(address):
    answer = ask(address, "GET", "/metrics")
    same(answer.status, 200)
    has(answer.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8")
    return Families(answer.body.decode())


# What etcd's own alerts and dashboards ask for (its mixin), and Grafana's dashboard 3070, where one
# member has it.
WATCHED = """
etcd_debugging_mvcc_db_total_size_in_bytes etcd_disk_backend_commit_duration_seconds
etcd_disk_wal_fsync_duration_seconds etcd_mvcc_db_total_size_in_bytes
etcd_mvcc_db_total_size_in_use_in_bytes etcd_network_client_grpc_received_bytes_total
etcd_network_client_grpc_sent_bytes_total etcd_server_has_leader etcd_server_is_leader
etcd_server_leader_changes_seen_total etcd_server_proposals_applied_total
etcd_server_proposals_committed_total etcd_server_proposals_failed_total
etcd_server_proposals_pending etcd_server_quota_backend_bytes etcd_server_slow_read_indexes_total
etcd_server_version grpc_server_handled_total grpc_server_handling_seconds
grpc_server_msg_received_total grpc_server_msg_sent_total grpc_server_started_total
process_cpu_seconds_total process_max_fds process_open_fds process_resident_memory_bytes
process_start_time_seconds
etcd_debugging_mvcc_delete_total etcd_debugging_mvcc_put_total etcd_debugging_mvcc_range_total
etcd_debugging_mvcc_txn_total etcd_server_client_requests_total
etcd_debugging_snap_save_total_duration_seconds etcd_snap_db_fsync_duration_seconds
etcd_snap_db_save_total_duration_seconds etcd_snap_fsync_duration_seconds
""".split()

OF_34_ONLY = {"etcd_debugging_mvcc_db_total_size_in_bytes"}


@test("what etcd's alerts and dashboards read is there, in etcd 3.7's form")
def beside_37(scratch):
    etcd, address, _ = start_etcd(scratch, peer("etcd-3.7/etcd"))
    try:
        server = serve(scratch, "--metrics", "extensive")
        for where in (server.address, address):
            post(where, "/v3/kv/put", {"key": b64("a")})
        ours, theirs = scrape(server.address), scrape(address)
    finally:
        etcd.kill()
        etcd.wait()
    for name in WATCHED:
        check(name in ours.types, name, "is missing")
        if name in OF_34_ONLY or name not in theirs.types:
            continue
        same(ours.help[name], theirs.help[name], name)
        missing = ours.shapes(name) - theirs.shapes(name)
        check(not missing, name, "has what etcd's has not:", sorted(missing)[:5])
    for name, kind in ours.types.items():
        if name.startswith("moat_") or name not in theirs.types:
            continue
        # Where etcd has a gauge under a counter's name, and the like, ours says what it is.
        if name.endswith("_total") or kind == "untyped":
            check(kind in ("counter", "untyped"), name, kind)
        else:
            same(kind, theirs.types[name], name)
        same(ours.help[name], theirs.help[name], name)
    buckets = ours.shapes("etcd_disk_wal_fsync_duration_seconds")
    same(buckets, theirs.shapes("etcd_disk_wal_fsync_duration_seconds"))


@test("counters follow what is done")
def counters(scratch):
    server = serve(scratch)
    before = scrape(server.address)
    for i in range(10):
        same(post(server.address, "/v3/kv/put", {"key": b64(f"k{i}"), "value": b64("v")}).status, 200)
    post(server.address, "/v3/kv/range", {"key": b64("k1")})
    post(server.address, "/v3/kv/range", {})
    post(server.address, "/v3/kv/deleterange", {"key": b64("k1")})

    def committed():
        now = scrape(server.address)
        name = "etcd_disk_backend_commit_duration_seconds_count"
        return now if now[name] > before[name] else None

    after = wait_for(committed, 10, "a commit")

    def grown(name):
        return after[name] - before[name]

    same(grown("etcd_mvcc_put_total"), 10)
    same(grown("etcd_debugging_mvcc_put_total"), 10)
    same(grown("etcd_mvcc_range_total"), 1)
    same(grown("etcd_mvcc_delete_total"), 1)
    same(after["etcd_debugging_mvcc_keys_total"], 9)
    same(grown("etcd_server_proposals_committed_total"), 11)
    same(after["etcd_server_has_leader"], 1)
    same(after["etcd_server_leader_changes_seen_total"], 1)
    check(1 <= grown("etcd_disk_wal_fsync_duration_seconds_count") <= 11, "a sync or more")
    check(grown("etcd_disk_wal_write_bytes_total") > 100, "bytes in the log")
    labels = 'grpc_service="etcdserverpb.KV",grpc_type="unary"'
    same(grown(f'grpc_server_handled_total{{grpc_code="OK",grpc_method="Put",{labels}}}'), 10)
    name = f'grpc_server_handled_total{{grpc_code="InvalidArgument",grpc_method="Range",{labels}}}'
    same(grown(name), 1)
    for method, kind in (
        ('grpc_method="Lock",grpc_service="v3lockpb.Lock"', "unary"),
        ('grpc_method="Campaign",grpc_service="v3electionpb.Election"', "unary"),
        ('grpc_method="Observe",grpc_service="v3electionpb.Election"', "server_stream"),
        ('grpc_method="Watch",grpc_service="etcdserverpb.Watch"', "bidi_stream"),
    ):
        same(after[f'grpc_server_started_total{{{method},grpc_type="{kind}"}}'], 0)
    same(after['etcd_server_version{server_version="3.7.0"}'], 1)
    age = time.time() - after["process_start_time_seconds"]
    check(-2 < age < 120, f"the process is {age} s old")
    name = 'etcd_server_apply_duration_seconds_count{op="Put",success="true",version="v3"}'
    same(after[name], 10)
    check("grpc_server_handling_seconds" not in after.types, "extensive was not asked for")


@test("leases, watches and maintenance are counted")
def more_counters(scratch):
    server = serve(scratch)
    where = server.address
    for i in (1, 2, 3):
        post(where, "/v3/lease/grant", {"ID": i, "TTL": 500 if i < 3 else 1})
    post(where, "/v3/lease/keepalive", {"ID": 1})
    post(where, "/v3/lease/revoke", {"ID": 2})
    for path in ("hash", "hashkv", "snapshot", "defragment"):
        same(post(where, "/v3/maintenance/" + path, {}).status, 200, path)
    same(post(where, "/v3/kv/compaction", {"revision": 1, "physical": True}).status, 200)
    create = {"create_request": {"key": b64("a")}}
    with contextlib.closing(Stream(where, "/v3/watch", create, create)) as stream:
        for _ in range(2):
            stream.message()
        post(where, "/v3/kv/put", {"key": b64("a")})
        for _ in range(2):
            stream.message()
        found = wait_for(
            lambda: (s := scrape(where))["etcd_debugging_server_lease_expired_total"] and s,
            20,
            "the lease of a second to end",
        )
    same(found["etcd_debugging_lease_granted_total"], 3)
    same(found["etcd_debugging_lease_renewed_total"], 1)
    same(found["etcd_debugging_lease_revoked_total"], 2)
    same(found["etcd_debugging_mvcc_watch_stream_total"], 1)
    same(found["etcd_debugging_mvcc_watcher_total"], 2)
    same(found["etcd_debugging_mvcc_slow_watcher_total"], 0)
    same(found["etcd_debugging_mvcc_events_total"], 2)
    check(found["moat_compaction_slice_seconds_count"] >= 1, "a slice or more")
    for name in (
        "moat_compaction_seconds",
        "etcd_mvcc_hash_duration_seconds",
        "etcd_mvcc_hash_rev_duration_seconds",
        "etcd_disk_backend_snapshot_duration_seconds",
        "etcd_disk_backend_defrag_duration_seconds",
    ):
        same(found[name + "_count"], 1, name)
    gone = wait_for(
        lambda: (s := scrape(where))["etcd_debugging_mvcc_watch_stream_total"] == 0 and s,
        10,
        "the stream's end",
    )
    same(gone["etcd_debugging_mvcc_watcher_total"], 0)


@test("promtool has nothing to complain about")
def promtool(scratch):
    program = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if not program:
        raise LeftOut("promtool (package prometheus) is not installed")
    server = serve(scratch, "--metrics", "extensive")
    post(server.address, "/v3/kv/put", {"key": b64("a")})
    for path in ("/livez", "/readyz", "/health"):
        ask(server.address, "GET", path)
    text = ask(server.address, "GET", "/metrics").body
    same(run([program, "check", "metrics"], input=text), (0, b"", b""))


@test("--listen-metrics-urls serves metrics and health checks, and nothing else")
def own_port(scratch):
    ports = [free_port(), free_port()]
    urls = ",".join(f"http://127.0.0.1:{port}" for port in ports)
    server = serve(scratch, "--listen-metrics-urls", urls)
    for port in ports:
        where = f"127.0.0.1:{port}"
        check("etcd_server_has_leader" in scrape(where).values, "metrics")
        for path in ("/health", "/livez", "/readyz", "/readyz/linearizable_read"):
            same(ask(where, "GET", path).status, 200, path)
        for path in ("/version", "/v3/kv/range", "/"):
            same(ask(where, "POST", path).status, 404, path)
    check("etcd_server_has_leader" in scrape(server.address).values, "the client port has them, too")


HEALTH = [
    ("GET", "/health"),
    ("GET", "/health?serializable=true"),
    ("GET", "/health?exclude=NOSPACE"),
    ("GET", "/health?exclude=NONSENSE&serializable=nonsense"),
    ("GET", "/livez"),
    ("GET", "/livez?verbose"),
    ("GET", "/livez?exclude=serializable_read&verbose"),
    ("GET", "/livez/serializable_read"),
    ("GET", "/livez/serializable_read?verbose"),
    ("GET", "/livez/nonsense"),
    ("GET", "/readyz"),
    ("GET", "/readyz?exclude=nonsense"),
    ("GET", "/readyz?verbose=1"),
    ("GET", "/readyz?verbose&exclude=data_corruption&exclude=non_learner"),
    ("GET", "/readyz/data_corruption?verbose"),
    ("GET", "/readyz/serializable_read"),
    ("GET", "/readyz/linearizable_read"),
    ("GET", "/readyz/non_learner"),
    ("GET", "/readyz/"),
    ("POST", "/health"),
    ("POST", "/livez"),
    ("DELETE", "/readyz/non_learner"),
    ("HEAD", "/health"),
    ("HEAD", "/metrics"),
    ("OPTIONS", "/health"),
    ("POST", "/version"),
    ("GET", "/nonsense"),
]


@test("health checks are etcd 3.7's byte for byte, headers too")
def health_beside_37(scratch):
    etcd, address, _ = start_etcd(scratch, peer("etcd-3.7/etcd"))
    try:
        server = serve(scratch)
        for method, path in HEALTH:
            ours, theirs = (ask(where, method, path) for where in (server.address, address))
            shown = f"{method} {path}"
            same(ours.status, theirs.status, shown)
            # Checks come in the order of a Go map there.
            same(sorted(ours.body.split(b"\n")), sorted(theirs.body.split(b"\n")), shown)
            for answer in (ours, theirs):
                for name in ("date", "content-length", "transfer-encoding", "connection"):
                    answer.headers.pop(name, None)
            if path == "/metrics":
                theirs.headers["content-type"] = ours.headers["content-type"]
            same(ours.headers, theirs.headers, shown)
    finally:
        etcd.kill()
        etcd.wait()
