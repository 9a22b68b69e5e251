"""The real etcd and etcdctl, as peers."""

import json
import subprocess

from harness import check, free_port, peer, plain_environment, run, same, wait_for

ENVIRONMENT = {**plain_environment(), "ETCDCTL_API": "3"}


class Etcd:
    """A real one, on data of its own or on a restored directory."""

    def __init__(self, scratch, version, data, peer_url):
        self.url = f"http://127.0.0.1:{free_port()}"
        self.peer_url = peer_url
        self.data = scratch.sub(data)
        self.log_path = scratch.sub(data + ".log")
        self.process = None
        self.flags = []
        self.program = peer(f"etcd-{version}/etcd")
        scratch.servers.append(self)  # is killed at the end

    def start(self):
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "--data-dir", self.data, "--listen-client-urls", self.url]
                + ["--advertise-client-urls", self.url, "--listen-peer-urls", self.peer_url]
                + ["--initial-advertise-peer-urls", self.peer_url]
                + ["--initial-cluster", f"default={self.peer_url}", *self.flags],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
            )
        wait_for(self.up, 30, "etcd to start")

    def up(self):
        check(self.process.poll() is None, "etcd ended:\n" + self.log())
        return run(["curl", "-sf", self.url + "/health"])[0] == 0

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as f:
            return f.read()[-2000:]

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Ctl:
    def __init__(self, url, version="3.7"):
        self.command = [peer(f"etcd-{version}/etcdctl"), "--endpoints", url]

    def run(self, *words):
        return run([*self.command, *words], env=ENVIRONMENT)

    def __call__(self, *words):
        status, out, err = self.run(*words)
        same(status, 0, f"{words}: {err.decode()}")
        return out.decode()

    def refused(self, *words):
        status, _, err = self.run(*words)
        check(status != 0, f"{words} must fail")
        return err.decode().strip().splitlines()[-1]

    def json(self, *words):
        return json.loads(self(*words, "-w", "json"))

    def hash_kv(self, revision=0):
        found = self.json("endpoint", "hashkv", "--rev", str(revision))[0]["HashKV"]
        return {
            key: found.get(key)
            for key in ("hash", "compact_revision", "hash_revision")
            if found.get(key) is not None
        }
