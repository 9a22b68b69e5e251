"""bystander ADDRESS - a client with work of its own, in its own process, while others misbehave.

Puts and gets by turns until its standard input ends; then prints how long each took, as JSON."""

import json
import select
import sys
import time

import h2


def main():
    calls = h2.Calls(sys.argv[1])
    times = []
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        value = b"%d" % len(times)
        begun = time.monotonic()
        put = calls.call("/etcdserverpb.KV/Put", key=b"bystander", value=value)
        middle = time.monotonic()
        got = calls.call("/etcdserverpb.KV/Range", key=b"bystander")
        times += [middle - begun, time.monotonic() - middle]
        if put is None or got is None or got.kvs[0].value != value:
            sys.exit("a call of a client that does no harm failed")
    json.dump(times, sys.stdout)


if __name__ == "__main__":
    main()
