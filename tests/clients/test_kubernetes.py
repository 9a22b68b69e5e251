"""The storage of Kubernetes' apiserver: its own tests of its etcd3 store and watch cache. The
checks are in go/kubernetes."""

from setting import go_checks


def flags(kind):
    """Progress notifications each second: the flag has another name in etcd 3.4."""
    return [
        ("--experimental-" if kind == "etcd-3.4" else "--") + "watch-progress-notify-interval=1s"
    ]


go_checks("kubernetes", flags=flags)
