"""clientv3 and what is built on it, in Go: the checks are in go/clientv3."""

from setting import go_checks

go_checks("clientv3")
