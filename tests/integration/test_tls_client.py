"""moat ctl, import and verify as clients of an etcd that is served over TLS."""

import subprocess

import etcd
from harness import MOAT, check, has, run, same, test


class Secured(etcd.Etcd):
    """An etcd 3.4 on an https URL."""

    def __init__(self, scratch, certificates, data, *flags):
        super().__init__(scratch, "3.4", data, f"http://127.0.0.1:{etcd.free_port()}")
        self.url = self.url.replace("http:", "https:")
        self.certificates = certificates
        self.flags = ["--cert-file", certificates.file("server.pem")]
        self.flags += ["--key-file", certificates.file("server.key"), *flags]

    def up(self):
        check(self.process.poll() is None, "etcd ended:\n" + self.log())
        return "ready to serve client requests" in self.log() or "serving client" in self.log()


class Certificates:
    """A CA, and what it has signed: a server's, for 127.0.0.1; a client's; one for elsewhere."""

    def __init__(self, scratch):
        self.scratch = scratch
        self.openssl("req", "-x509", *self.request("ca"), "-out", self.file("ca.pem"))
        self.sign("server", "IP:127.0.0.1")
        self.sign("client", "DNS:client.example")
        self.sign("elsewhere", "DNS:elsewhere.example")

    def file(self, name):
        return self.scratch.sub(name)

    def openssl(self, *words):
        status, _, err = run(["openssl", *words])
        same(status, 0, err.decode())

    def request(self, name):
        curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
        return [*curve, "-nodes", "-keyout", self.file(name + ".key"), "-subj", f"/CN={name}"]

    def sign(self, name, host):
        with open(self.file("names"), "w", encoding="ascii") as f:
            f.write(f"subjectAltName={host}\n")
        self.openssl("req", *self.request(name), "-out", self.file("request"))
        authority = ["-CA", self.file("ca.pem"), "-CAkey", self.file("ca.key"), "-CAcreateserial"]
        self.openssl(
            *["x509", "-req", "-in", self.file("request"), *authority],
            *["-extfile", self.file("names"), "-out", self.file(name + ".pem")],
        )

    def own(self, prefix=""):
        """Flags: whom to trust, and what to show."""
        files = {"cacert": "ca.pem", "cert": "client.pem", "key": "client.key"}
        return [word for k, v in files.items() for word in (f"--{prefix}{k}", self.file(v))]


def ctl(*words, **variables):
    environment = {**etcd.ENVIRONMENT, **variables}
    return run([MOAT, "ctl", *words], env=environment)


def said(*words, **variables):
    status, out, err = ctl("--command-timeout=30s", *words, **variables)
    same(status, 0, f"{words}: {err.decode()}")
    return out.decode()


@test("moat ctl speaks TLS: to whom it trusts, for the right host, with a certificate of its own")
def secured(scratch):
    made = Certificates(scratch)
    trust = ["--cacert", made.file("ca.pem")]
    open_to_all = Secured(scratch, made, "open")
    asks = ["--client-cert-auth", "--trusted-ca-file", made.file("ca.pem")]
    strict = Secured(scratch, made, "strict", *asks)
    for server in (open_to_all, strict):
        server.start()
    at = ["--endpoints", open_to_all.url]
    bare = open_to_all.url.replace("https://", "")
    same(said(*at, *trust, "put", "a", "1"), "OK\n")
    same(said("--endpoints", bare, *trust, "get", "a"), "a\n1\n")
    same(said(*at, "get", "a", ETCDCTL_CACERT=made.file("ca.pem")), "a\n1\n")
    same(said(*at, "--insecure-skip-tls-verify", "get", "a"), "a\n1\n")
    same(said("--endpoints", bare, "--insecure-transport=false", *trust, "get", "a"), "a\n1\n")
    same(said("--endpoints", strict.url, *made.own(), "put", "b", "2"), "OK\n")
    for words, why in (
        ([*at, "get", "a"], "the server's certificate is not trusted"),
        (["--endpoints", strict.url, *trust, "get", "b"], "bad certificate"),
        (["--endpoints", open_to_all.peer_url.replace("http", "https"), *trust, "get", "a"], "TLS"),
    ):
        status, out, err = ctl("--command-timeout=5s", *words)
        same((status, out), (1, b""))
        has(err.decode(), why)
    status, _, err = ctl(*at, "--cacert", scratch.sub("none"), "get", "a")
    missing = f"Error: open {scratch.sub('none')}: no such file or directory\n"
    same((status, err.decode()), (128, missing))


@test("make-mirror, import and verify take TLS, each side its own")
def secured_tools(scratch):
    made = Certificates(scratch)
    trust = ["--cacert", made.file("ca.pem")]
    one = Secured(scratch, made, "one")
    asks = ["--client-cert-auth", "--trusted-ca-file", made.file("ca.pem")]
    two = Secured(scratch, made, "two", *asks)
    for server in (one, two):
        server.start()
    for n in range(3):
        said("--endpoints", one.url, *trust, "put", f"k{n}", "v")
    command = [MOAT, "ctl", "--endpoints", one.url, *trust, "make-mirror", two.url]
    with subprocess.Popen([*command, *made.own("dest-")], env=etcd.ENVIRONMENT) as mirror:
        try:
            there = ["--endpoints", two.url, *made.own(), "get", "--prefix", "--keys-only", "k"]
            etcd.wait_for(lambda: said(*there).split() == ["k0", "k1", "k2"], 30, "the mirror")
        finally:
            mirror.kill()
    data = scratch.sub("imported")
    command = [MOAT, "import", "--from", one.url, "--from-cacert", made.file("ca.pem")]
    status, out, err = run([*command, "--until-level", "--data-dir", data])
    same(status, 0, err.decode())
    has(out.decode(), "revision 4, 3 stored revisions")
    command = [MOAT, "verify", "--endpoint", one.url, *trust, "--against", one.url]
    same(run([*command, "--against-cacert", made.file("ca.pem")])[0], 0)
    status, _, err = run(command)
    same(status, 2)
    has(err.decode(), "is not trusted")
