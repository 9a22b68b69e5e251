"""Patroni keeps two PostgreSQL servers one: bootstrap on etcd3, failover, and with a password."""

import json
import os
import signal
import subprocess

import harness
from harness import check, free_port, has, plain_environment, run, same, test, wait_for
from setting import DEBIAN, PACKAGES, program, python_module

PATRONI, PATRONICTL = program("usr/bin/patroni"), program("usr/bin/patronictl")
PSQL = program("usr/bin/psql")
VERSIONS = ("17", "16", "15", "14", "13")
POSTGRES = program(*(f"usr/lib/postgresql/{version}/bin/postgres" for version in VERSIONS))
python_module("patroni")
START_S_MAX = 90
FAILOVER_S_MAX = 90

# PostgreSQL refuses to run as root. In a namespace of its own, a node is nobody to itself, and all
# that it started ends with it.
NAMESPACE = [
    "unshare",
    "--user",
    "--map-user=65534",
    "--map-group=65534",
    "--ipc",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
]

CONFIGURATION = """
scope: test
name: {name}
restapi: {{listen: "127.0.0.1:{rest}", connect_address: "127.0.0.1:{rest}"}}
etcd3: {{host: "{etcd}"{login}}}
bootstrap:
  dcs: {{ttl: 20, loop_wait: 1, retry_timeout: 5, postgresql: {{use_pg_rewind: true}}}}
  initdb: [encoding: UTF8, locale: C, data-checksums]
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust",
           "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: "127.0.0.1:{port}"
  connect_address: "127.0.0.1:{port}"
  data_dir: {folder}/data
  bin_dir: {bin}
  pgpass: {folder}/pgpass
  authentication: {{superuser: {{username: postgres}}, replication: {{username: replicator}}}}
  parameters: {{unix_socket_directories: "{folder}", fsync: "off", shared_buffers: 16MB}}
"""


def environment():
    libraries = os.path.join(DEBIAN, "usr/lib", os.uname().machine + "-linux-gnu")
    return {
        **plain_environment(),
        "PYTHONPATH": PACKAGES,
        "LD_LIBRARY_PATH": libraries,
        "LC_ALL": "C",
        "PYTHONWARNINGS": "ignore",
    }


class Node:
    """Patroni and the PostgreSQL that it runs."""

    def __init__(self, scratch, etcd, name, login=""):
        self.folder = scratch.sub(name)
        self.port, self.rest = free_port(), free_port()
        self.name = name
        self.process = None
        os.makedirs(self.folder)
        self.configuration = os.path.join(self.folder, "patroni.yml")
        with open(self.configuration, "w", encoding="ascii") as file:
            file.write(
                CONFIGURATION.format(
                    name=name,
                    rest=self.rest,
                    etcd=etcd,
                    login=login,
                    port=self.port,
                    folder=self.folder,
                    bin=os.path.dirname(POSTGRES),
                )
            )

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        namespace = NAMESPACE if os.geteuid() == 0 else []
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [*namespace, PATRONI, self.configuration],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self):
        """Lose the whole node at once."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def log(self):
        with open(os.path.join(self.folder, "log"), encoding="utf-8", errors="replace") as file:
            return file.read()[-3000:]

    def state(self):
        """What Patroni's REST interface says, or None."""
        status, out, _ = run(["curl", "-s", f"http://127.0.0.1:{self.rest}/patroni"])
        return json.loads(out) if status == 0 else None

    def is_running_as(self, *roles):
        found = self.state()
        return bool(found) and found["state"] == "running" and found["role"] in roles

    def wait_for_role(self, *roles, seconds=START_S_MAX):
        def reached():
            check(self.process.poll() is None, "it ended")
            return self.is_running_as(*roles)

        try:
            wait_for(reached, seconds, "")
        except harness.Failure:
            raise harness.Failure(
                f"{self.name} does not become {roles[0]}, it is {self.state()}:\n{self.log()}"
            ) from None

    def sql(self, text):
        """Run SQL; return what it answers, or None if it fails."""
        status, out, _ = run(
            [
                PSQL,
                "-h",
                "127.0.0.1",
                "-p",
                str(self.port),
                "-U",
                "postgres",
                "-Atc",
                text,
                "postgres",
            ],
            env=environment(),
        )
        return out.decode().strip() if status == 0 else None


def ctl(node, *arguments, **options):
    status, out, err = run(
        [PATRONICTL, "-c", node.configuration, *arguments], env=environment(), **options
    )
    check(
        status == 0,
        f"patronictl {' '.join(arguments)} ended with {status}:\n{(out + err).decode()}",
    )
    return out.decode()


def can_run():
    if os.geteuid() == 0:
        status, _, err = run([*NAMESPACE, "true"])
        if status != 0:
            raise harness.LeftOut(
                f"PostgreSQL does not run as root, nor in a namespace here: {err}"
            )


@test(
    "bootstrap, a replica, a switchover, and a failover when the primary is lost; none loses a row"
)
def failover(scratch):
    can_run()
    etcd = scratch.server()
    with Node(scratch, etcd.address, "one") as one:
        one.wait_for_role("master", "primary")
        with Node(scratch, etcd.address, "two") as two:
            two.wait_for_role("replica")
            same(one.sql("create table t as select 1 as n"), "SELECT 1")
            wait_for(
                lambda: two.sql("select n from t") == "1", START_S_MAX, "the row on the replica"
            )
            listed = json.loads(ctl(one, "list", "-f", "json"))
            same(
                [(m["Member"], m["Role"]) for m in listed], [("one", "Leader"), ("two", "Replica")]
            )

            ctl(one, "switchover", "--master", "one", "--candidate", "two", "--force")
            two.wait_for_role("master", "primary")
            one.wait_for_role("replica")
            same(two.sql("insert into t values (2)"), "INSERT 0 1")
            wait_for(
                lambda: one.sql("select count(*) from t") == "2", START_S_MAX, "the second row"
            )

            two.kill()
            one.wait_for_role("master", "primary", seconds=FAILOVER_S_MAX)
            same(one.sql("insert into t values (3)"), "INSERT 0 1")
            same(one.sql("select string_agg(n::text, ',' order by n) from t"), "1,2,3")

            two.start()
            two.wait_for_role("replica")
            wait_for(lambda: two.sql("select count(*) from t") == "3", START_S_MAX, "the third row")
            ctl(one, "pause", "--wait")
            ctl(one, "resume", "--wait")


@test("the server may stop and start again: the primary stays")
def server_restart(scratch):
    can_run()
    etcd = scratch.server()
    with Node(scratch, etcd.address, "one") as one:
        one.wait_for_role("master", "primary")
        same(one.sql("create table t (n int)"), "CREATE TABLE")
        etcd.kill()
        etcd.start()
        history = wait_for(lambda: one.is_running_as("master", "primary") and one.state(), 60, "it")
        same(one.sql("insert into t values (1)"), "INSERT 0 1")
        listed = wait_for(
            lambda: "running" in ctl(one, "list", "-f", "json") and one.state(), 60, "it"
        )
        same(listed["timeline"], history["timeline"])


@test("with a name and a password on etcd3: it logs in and bootstraps")
def with_password(scratch):
    scratch.not_on(
        "etcd-3.7", "refuses the member list before the login, and Patroni 3.0 waits for it"
    )
    can_run()
    etcd = scratch.server()
    etcdctl = [harness.peer("etcd-3.4/etcdctl"), "--endpoints", etcd.address]
    for line in [
        "user add root:secret",
        "user grant-role root root",
        "user add patroni:pw",
        "role add patroni",
        "role grant-permission --prefix patroni readwrite /service/",
        "user grant-role patroni patroni",
        "auth enable",
    ]:
        status, out, err = run(
            [*etcdctl, *line.split()], env={**plain_environment(), "ETCDCTL_API": "3"}
        )
        check(status == 0, f"etcdctl {line}: {(out + err).decode()}")
    with Node(scratch, etcd.address, "one", ", username: patroni, password: pw") as one:
        one.wait_for_role("master", "primary")
        has(ctl(one, "list", "-f", "json"), '"Role": "Leader"')
