"""etcd's own load tool, in small: each of its loads runs to its end without an error."""

from harness import LeftOut, check, peer, run, test

BENCHMARK = peer("etcd-3.7/benchmark")

LOADS = [
    "put --total 2000 --sequential-keys",
    "range a z --total 2000 --limit 10",
    "range a --total 2000 --consistency s",
    "txn-put --total 500 --txn-ops 20 --key-space-size 1000",
    "txn-mixed key --total 500",
    "stm --total 300 --keys 2 --keys-per-txn 2",
    "stm --total 300 --keys 2 --keys-per-txn 2 --stm-locker lock-client",
    "stm --total 300 --keys 2 --keys-per-txn 2 --stm-locker lock-rpc",
    "lease-keepalive --total 2000",
    "watch --streams 5 --watch-per-stream 20 --watched-key-total 20 --put-total 200",
    "watch-get --watchers 20 --events 4",
    "watch-latency --put-total 200 --streams 5 --watchers-per-stream 5",
]


def load(line):
    """Register the check of one load."""

    @test(line)
    def runs(scratch):
        server = scratch.server()
        given = ["--endpoints", server.address, "--conns", "5", "--clients", "20"]
        status, out, err = run([BENCHMARK, *given, *line.split()], timeout=120)
        said = (out + err).decode()
        if "unknown command" in said or "unknown flag" in said:
            raise LeftOut(said.splitlines()[0])
        check(status == 0 and "Error distribution" not in said, f"exit status {status}:\n{said}")


for each in LOADS:
    load(each)
