"""Watch streams over gRPC, for the tests of what they say."""

import queue
import threading
import time

import pb
from harness import Failure, Server, peer, same

PATH = "/etcdserverpb.Watch/Watch"
NOPUT, NODELETE = 0, 1

CREATE = pb.Message(
    key=(1, bytes),
    range_end=(2, bytes),
    start_revision=(3, int),
    progress_notify=(4, bool),
    filters=(5, [int]),
    prev_kv=(6, bool),
    watch_id=(7, int),
    fragment=(8, bool),
)
CANCEL = pb.Message(watch_id=(1, int))
PROGRESS = pb.Message()
REQUEST = pb.Message(create=(1, CREATE), cancel=(2, CANCEL), progress=(3, PROGRESS))
EVENT = pb.Message(type=(1, int), kv=(2, pb.KEY_VALUE), prev_kv=(3, pb.KEY_VALUE))
RESPONSE = pb.Message(
    header=(1, pb.HEADER),
    watch_id=(2, int),
    created=(3, bool),
    canceled=(4, bool),
    compact_revision=(5, int),
    cancel_reason=(6, str),
    fragment=(7, bool),
    events=(11, [EVENT]),
)


class Stream:
    """A watch stream: requests as they are told, answers as they come."""

    def __init__(self, client, **options):
        self.requests = queue.Queue()
        self.answers = queue.Queue()
        call = client.channel.stream_stream(
            PATH, request_serializer=lambda raw: raw, response_deserializer=None
        )
        self.call = call(iter(self.requests.get, None), **options)
        self.error = None
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.call.cancel()
        self.requests.put(None)
        self.reader.join(10)

    def _read(self):
        try:
            for raw in self.call:
                self.answers.put(raw)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        self.answers.put(None)

    def send(self, **request):
        self.requests.put(REQUEST.encode(**request))

    def half_close(self):
        self.requests.put(None)

    def raw(self, seconds=20):
        """The next answer's bytes; None once the stream has ended."""
        try:
            return self.answers.get(timeout=seconds)
        except queue.Empty:
            raise Failure(f"nothing came on the watch for {seconds} s") from None

    def next(self, seconds=20):
        raw = self.raw(seconds)
        if raw is None:
            raise Failure(f"the watch stream has ended: {self.error}")
        return RESPONSE.decode(raw)

    def quiet(self, seconds=0.1):
        """Nothing comes for a while."""
        try:
            raw = self.answers.get(timeout=seconds)
        except queue.Empty:
            return
        raise Failure(f"unexpected on the watch: {raw and RESPONSE.decode(raw)!r}")

    def create(self, key, **fields):
        """Create a watch, and return its ID."""
        self.send(create={"key": key, **fields})
        reply = self.next()
        same((reply.created, reply.canceled), (True, False), repr(reply))
        return reply.watch_id

    def events(self, count, seconds=20):
        """The next so many events, as "+key@rev" and "-key@rev", whatever messages they are in."""
        found = []
        while len(found) < count:
            reply = self.next(seconds)
            same((reply.created, reply.canceled), (False, False), repr(reply))
            found += [brief(event) for event in reply.events]
        return found


def brief(event):
    return f"{'-' if event.type else '+'}{event.kv.key.decode()}@{event.kv.mod_revision}"


class Etcd(Server):
    """The real one, of a version, for the same clients."""

    def __init__(self, scratch, version, *flags):
        super().__init__(scratch, *flags, data=f"etcd-{version}", log=f"etcd-{version}.log")
        self.program = peer(f"etcd-{version}/etcd")
        scratch.servers.append(self)

    def command(self):
        urls = ["--initial-advertise-peer-urls", self.peer_url]
        urls += ["--initial-cluster", f"default={self.peer_url}"]
        return [self.program, *super().command()[2:], *urls]

    def start(self):
        begun = super().start()
        with self.client() as c:
            end = time.monotonic() + 20
            while True:
                try:
                    c.put(b"first", b"")
                    return begun
                except c.grpc.RpcError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.1)
