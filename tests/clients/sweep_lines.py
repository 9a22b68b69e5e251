"""Command lines of etcdctl for test_sweep: each command with each format, and what goes wrong.

A line is its words as one text, as a shell takes them apart, or a list of words; with it may go a
text for standard input and variables. {lease} is the newest lease of whoever runs it.
"""

import dataclasses
import shlex

FORMS = ["json", "fields", "table", "protobuf", "simple"]


@dataclasses.dataclass
class Line:
    words: list
    text: str = ""
    variables: dict = dataclasses.field(default_factory=dict)

    def __str__(self):
        shown = shlex.join(self.words)
        if self.text:
            shown += f" < {self.text!r}"
        return " ".join([*(f"{name}={value}" for name, value in self.variables.items()), shown])


def lines(text):
    return [Line(shlex.split(line)) for line in text.strip().splitlines()]


def in_each_form(text):
    return [Line([*line.words, "-w", form]) for line in lines(text) for form in FORMS]


def piped(command, *texts):
    return [Line(shlex.split(command), text) for text in texts]


def with_variables(command, **variables):
    return [Line(shlex.split(command), variables=variables)]


# What changes nothing the second time, or is as good then.
FORMATS = in_each_form(
    """
    get f/ --prefix
    get f/1
    get none
    put f/3 x --prev-kv
    put f/3 y --prev-kv
    del f/9
    del f/3 --prev-kv
    del none --prev-kv
    watch f/1 --rev 1
    lease grant 1000
    put leased v --lease={lease}
    get leased
    lease list
    lease timetolive {lease}
    lease timetolive {lease} --keys
    lease timetolive 77
    lease keep-alive --once {lease}
    lease keep-alive --once 77
    lease revoke {lease}
    lease revoke 77
    member list
    member list --hex
    member remove 77
    member promote 77
    member update 77 --peer-urls http://127.0.0.1:5
    alarm list
    alarm disarm
    defrag
    defrag --cluster
    endpoint health
    endpoint health --cluster
    endpoint hashkv --rev 8
    endpoint hashkv --rev 2000
    endpoint hashkv --cluster --rev 8
    endpoint status
    endpoint status --cluster
    move-leader 77
    downgrade validate 3.6
    downgrade cancel
    auth status
    auth disable
    role add r
    role get r
    role list
    role grant-permission r read k
    role grant-permission r readwrite a b
    role get r
    role revoke-permission r k
    role revoke-permission r a b
    user add u:pw
    user add n --no-password
    user get u
    user list
    user grant-role u r
    user get u --detail
    user revoke-role u r
    user delete n
    user delete u
    role delete r
    compaction 2
    compaction 2 --physical
    version
    elect e p x
    """
)

CHANGES = [
    line
    for number, form in enumerate(FORMS)
    for line in in_each_form(
        f"""
        role add r{number}
        user add u{number}:pw
        role grant-permission r{number} readwrite a b
        role grant-permission r{number} write p --prefix
        role get r{number}
        user grant-role u{number} r{number}
        user get u{number}
        user get u{number} --detail
        role revoke-permission r{number} a b
        user revoke-role u{number} r{number}
        role delete r{number}
        user delete u{number}
        compaction {number + 5}
        """
    )
    if line.words[-1] == form
]

VARIABLES = [
    *with_variables("get f/1", ETCDCTL_WRITE_OUT="json"),
    *with_variables("get f/1", ETCDCTL_HEX="true"),
    *with_variables("get f/1", ETCDCTL_HEX="maybe"),
    *with_variables("get f/1", ETCDCTL_NONSENSE="x"),
    *with_variables("get f/1", ETCDCTL_COMMAND_TIMEOUT="5"),
    *with_variables("get f/1", ETCDCTL_COMMAND_TIMEOUT="9s"),
    *with_variables("get f/1", ETCDCTL_DIAL_TIMEOUT="1s", ETCDCTL_KEEPALIVE_TIME="1s"),
    *with_variables("get f/1", ETCDCTL_USER="root:x"),
    *with_variables("get f/1", ETCDCTL_USER="root", ETCDCTL_PASSWORD="x"),
    *with_variables("get f/1", ETCDCTL_PASSWORD="x"),
    *with_variables("get f/1", ETCDCTL_PREFIX="true"),
    *with_variables("watch", ETCDCTL_WATCH_RANGE_END="f/2"),
    *with_variables("watch f/1", ETCDCTL_WATCH_KEY="f/1"),
]

# 127.0.0.1:1 answers nobody; whatever --endpoints says goes before the variable.
NOBODY = [
    *lines("get a --endpoints=''\nget a --endpoints http://"),
    *[
        Line([*line.words, "--endpoints", "127.0.0.1:1", "--command-timeout", "300ms"])
        for line in lines(
            """
            get a
            get a -w json
            put a b --dial-timeout 200ms
            member list
            endpoint health
            endpoint health -w json
            endpoint status
            endpoint hashkv
            defrag
            snapshot save /nonexistent/file
            """
        )
    ],
]

INPUT = [
    *piped("put f/1", "a value"),
    *piped(
        "txn",
        'c("a") > 1\n\n\n\n',
        '\nget f/1\n\n\n',
        "\nget f/1\n",
        "\nwatch x\n\n\n",
        "\nput a\n\n\n",
        "\nget\n\n\n",
        "\ndel\n\n\n",
        '\nput a "unfinished\n\n\n',
        '\nput "a b" "c d"\nget "a b"\n\n\n',
        'val("f/1") = "x"\nver("f/1") > "0"\nm("f/1") < "9999"\n\nget f/1\n\n\n',
    ),
    *piped("txn --interactive", "\nget f/1\n\n\n"),
    *[
        Line(["txn", "-w", form], "\nput f/1 q\nget f/ --prefix\ndel f/9\n\n\n")
        for form in FORMS
    ],
    *piped("watch -i", "bogus\n", "watch\n", "watch a b --prefix\n", 'watch "a\n', "progress\n\n"),
    *piped("user add piped", "pw\npw\n"),
    *piped("user passwd piped", "pw\nanother\n", "pw\npw\n"),
    *piped("user passwd piped --interactive=false", "pw\n"),
    *piped("get f/1 --user piped", "pw\n"),
    *piped("user add ua --interactive=false", "", "\n", "pw\n"),
]

OPTIONS = lines(
    """
    get a --dial-timeout 0s
    get a --keepalive-time 1s --keepalive-timeout 2s
    get a --insecure-transport
    get a --insecure-discovery
    get a --discovery-srv-name x
    get a --cacert ''
    get a --password x
    get a --user root:x
    get f/ --prefix --print-value-only
    get f/ --prefix --print-value-only --hex
    get f/ --prefix --keys-only --hex
    get f/ --prefix --count-only
    get f/ --prefix --count-only --keys-only
    get f/ --prefix --order ascend
    get f/ --prefix --order DESCEND
    get f/ --prefix --sort-by key
    get f/ --prefix --sort-by KEY
    get f/1 --rev 99999
    get f/1 --rev -1
    get f/1 --limit -1
    get '' --from-key --limit 1
    get ''
    put f/1 --ignore-value
    put f/1 v --ignore-value --lease 1
    put f/1 v --ignore-lease --lease=12
    put f/1 x --lease 0
    put f/1 -1
    put f/1 -- -1
    del f/1 --range
    del f/7 --prefix --range
    lock l --ttl 5 true
    lock l echo hi
    lock l no-such
    lock l sh -c 'env | grep ETCD_LOCK_KEY | cut -d/ -f1'
    watch --rev 10 f/1 -- sh -c 'echo $ETCD_WATCH_KEY $ETCD_WATCH_EVENT_TYPE $ETCD_WATCH_VALUE; exit 1'
    role add q
    role grant-permission q write '' --from-key
    role grant-permission q read z --prefix
    role get q
    role revoke-permission q '' --from-key
    role revoke-permission q '' --prefix
    role revoke-permission q z --prefix
    role get q
    role delete q
    snapshot save ''
    """
)

WRONG = lines(
    """
    get a b c
    put a b c
    put a --ignore-value --ignore-lease
    del '' --from-key --prefix
    del a b --prefix
    del a b --from-key
    compaction -1
    compaction 5 6
    compaction 99999
    lease grant -5
    lease grant 5 6
    lease grant 5.5
    lease revoke -1
    lease timetolive zz
    lease keep-alive zz
    lease list x
    member list x
    member add n --learner
    member add n --peer-urls
    member remove a b
    member update
    member update zz --peer-urls x
    member promote
    member promote zz
    endpoint hashkv --rev x
    move-leader 1 2
    downgrade enable
    downgrade enable 3.6 x
    downgrade enable 3.8
    downgrade enable x
    downgrade validate 3.5
    downgrade validate 3.8
    user add ud:pw --new-user-password=x
    user add ue:pw --no-password
    user add uf --no-password --interactive=false
    user add a b
    user passwd
    user passwd a b
    user get a b
    user delete a b
    user grant-role
    user grant-role a b c
    role add x y
    role add ''
    role get x y
    role delete x y
    role grant-permission
    role grant-permission q read a b c
    role revoke-permission q k z --prefix
    elect --listen
    elect e -l x
    lock l --ttl x true
    watch a --rev x
    snapshot save
    snapshot save a b
    snapshot save /nonexistent/x
    make-mirror a b
    make-mirror 127.0.0.1:1 --dest-prefix x --no-dest-prefix
    check perf --load zz
    check perf --auto-compact=x
    check datascale --load x
    completion
    completion nope
    completion bash x
    defrag x
    alarm list x
    alarm disarm -w bogus
    gett
    puts a
    --bogus
    -x
    get --bogus
    """
)

# Help, which moat ctl gives in its own words: only how it exits is compared.
HELP = lines(
    """
    help
    help get
    help nope
    -h
    options
    get --help
    lease
    lease bogus
    member
    endpoint bogus
    auth
    user bogus
    role
    snapshot bogus
    check
    alarm
    """
)

START = lines("put f/1 one\nput f/2 two\nput f/1 three\nput g v\nput g w\nput g x\nput g y\ncompaction 4")
ALL = [*START, *FORMATS, *CHANGES, *VARIABLES, *NOBODY, *INPUT, *OPTIONS, *WRONG, *HELP]
