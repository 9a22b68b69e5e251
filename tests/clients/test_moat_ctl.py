"""Our own program under the names etcdctl and etcdutl."""

import os

from etcdctl_checks import use
from harness import MOAT
from setting import CLIENTS


def link(name):
    """Give our program another name, by which it takes another command line."""
    path = os.path.join(CLIENTS, "moat", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not os.path.islink(path) or os.readlink(path) != MOAT:
        if os.path.lexists(path):
            os.remove(path)
        os.symlink(MOAT, path)
    return path


use("moat_ctl", link("etcdctl"), link("etcdutl"), "moat", {})
