"""etcdctl 3.7, with etcdutl for what was etcdctl's once."""

from etcdctl_checks import use
from harness import peer

use("etcdctl_new", peer("etcd-3.7/etcdctl"), peer("etcd-3.7/etcdutl"), "etcd-3.7", {})
