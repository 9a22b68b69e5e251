"""npm's etcd3, in node: the checks are in node/checks.js."""

import os

from harness import LeftOut
from setting import CLIENTS, own_program_checks, program

NODE = program("usr/bin/node", "usr/local/bin/node")
MODULES = os.path.join(CLIENTS, "node", "node_modules")
CHECKS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "node", "checks.js")

if not os.path.isdir(os.path.join(MODULES, "etcd3")):
    raise LeftOut("npm did not bring etcd3; see tools/clients")
os.environ["NODE_PATH"] = MODULES
own_program_checks("node", [NODE, CHECKS], [], lambda name: [name])
