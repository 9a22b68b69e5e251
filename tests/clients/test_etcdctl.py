"""etcdctl 3.4, as Debian's package etcd-client has it."""

from etcdctl_checks import use
from harness import peer

ETCDCTL = peer("etcd-3.4/etcdctl")
use("etcdctl", ETCDCTL, ETCDCTL, "etcd-3.4", {"ETCDCTL_API": "3"})
