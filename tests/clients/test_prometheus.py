"""Prometheus scrapes the server, promtool reads its metrics, and dashboards find their series."""

import json
import urllib.parse

from harness import check, free_port, has, run, same, test, wait_for
from live import Live
from setting import program

PROMETHEUS = program("usr/bin/prometheus")
PROMTOOL = program("usr/bin/promtool")

# What the alerts of etcd's mixin and the usual dashboards ask for, on one node: each must find
# something, also over time.
EXPRESSIONS = [
    'up{job="etcd"} == 1',
    "etcd_server_has_leader == 1",
    "etcd_server_is_leader == 1",
    "increase(etcd_server_leader_changes_seen_total[1m])",
    "rate(etcd_server_proposals_failed_total[1m])",
    "rate(etcd_server_proposals_committed_total[1m]) > 0",
    "rate(etcd_server_proposals_applied_total[1m]) > 0",
    "etcd_server_proposals_pending",
    "etcd_server_quota_backend_bytes > 0",
    "etcd_mvcc_db_total_size_in_bytes > 0",
    "etcd_mvcc_db_total_size_in_use_in_bytes / etcd_mvcc_db_total_size_in_bytes <= 1",
    "histogram_quantile(0.99, rate(etcd_disk_wal_fsync_duration_seconds_bucket[1m])) > 0",
    "histogram_quantile(0.99, rate(etcd_disk_backend_commit_duration_seconds_bucket[1m])) > 0",
    "rate(etcd_disk_wal_fsync_duration_seconds_count[1m]) > 0",
    'sum(rate(grpc_server_started_total{grpc_type="unary",grpc_method="Put"}[1m])) > 0',
    'sum(rate(grpc_server_handled_total{grpc_service="etcdserverpb.KV",grpc_code="OK"}[1m])) > 0',
    'grpc_server_started_total{grpc_method="Watch",grpc_type="bidi_stream"} >= 0',
    'grpc_server_started_total{grpc_method="LeaseKeepAlive",grpc_type="bidi_stream"} >= 0',
    "rate(etcd_network_client_grpc_received_bytes_total[1m]) > 0",
    "rate(etcd_network_client_grpc_sent_bytes_total[1m]) > 0",
    "etcd_debugging_mvcc_keys_total > 0",
    "etcd_debugging_mvcc_watcher_total >= 0",
    "etcd_debugging_mvcc_slow_watcher_total == 0",
    "etcd_mvcc_put_total > 0",
    "etcd_server_slow_apply_total >= 0",
    'etcd_cluster_version{cluster_version!=""} == 1',
    'etcd_server_version{server_version!=""} == 1',
    "process_resident_memory_bytes > 0",
    "process_open_fds / process_max_fds < 1",
    "rate(process_cpu_seconds_total[1m]) >= 0",
    "process_start_time_seconds > 0",
]

CONFIGURATION = """
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - job_name: etcd
    static_configs:
      - targets: ["{address}"]
"""


def fetch(url):
    status, out, _ = run(["curl", "-sf", url])
    return out.decode() if status == 0 else None


@test("promtool reads the metrics and finds fault with nothing but names that etcd gave")
def promtool(scratch):
    server = scratch.server()
    with server.client() as client:
        client.put(b"a", b"1")
    status, out, err = run(
        [PROMTOOL, "check", "metrics"], input=fetch(server.url + "/metrics").encode()
    )
    said = (out + err).decode().splitlines()
    check(status in (0, 3), f"promtool ended with {status}:", said)
    ours = [line for line in said if not line.startswith("etcd_")]
    naming = ("suffix", "use base unit")
    same(ours + [line for line in said if not any(word in line for word in naming)], [])


@test("Prometheus scrapes it, and what alerts and dashboards ask for is there")
def prometheus(scratch):
    server = scratch.server()
    with open(scratch.sub("prometheus.yml"), "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(address=server.address))
    address = f"127.0.0.1:{free_port()}"
    given = [
        PROMETHEUS,
        "--config.file",
        scratch.sub("prometheus.yml"),
        "--storage.tsdb.path",
        scratch.sub("series"),
        "--web.listen-address",
        address,
    ]

    def finds(expression):
        query = urllib.parse.urlencode({"query": expression})
        answer = fetch(f"http://{address}/api/v1/query?{query}")
        return answer and json.loads(answer)["data"]["result"]

    with Live(given, cwd=scratch.path) as live, server.client() as client:
        for expression in EXPRESSIONS:

            def asked(wanted=expression):
                client.put(b"a", b"1")
                return finds(wanted)

            wait_for(asked, 30, expression)
        same(live.process.poll(), None)


@test("--listen-metrics-urls serves metrics and health there, --metrics=extensive adds histograms")
def metrics_listener(scratch):
    url = f"http://127.0.0.1:{free_port()}"
    server = scratch.server("--listen-metrics-urls", url, "--metrics", "extensive")
    with server.client() as client:
        client.put(b"a", b"1")
    has(
        fetch(url + "/metrics"),
        "etcd_server_has_leader 1",
        'grpc_server_handling_seconds_bucket{grpc_method="Put"',
    )
    has(fetch(url + "/health"), '"health":"true"')
    same(fetch(url + "/v3/kv/range"), None)
