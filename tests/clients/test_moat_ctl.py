"""Our own program under the names etcdctl and etcdutl."""

from etcdctl_checks import use
from setting import link

use("moat_ctl", link("etcdctl"), link("etcdutl"), "moat", {})
