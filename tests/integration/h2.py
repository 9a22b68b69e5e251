"""HTTP/2 by hand: frames as bytes, for what no well-behaved client sends, and for speed.

A Wire does as it is told and no more: it answers nothing by itself, so that a test can leave
anything out. Calls is the well-behaved side: gRPC calls, many at a time on one connection. RFC 9113
has the frames, RFC 7541 the header blocks; ours never use the dynamic table or Huffman's code.
"""

import select
import socket
import struct
import time

import pb

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS = 0, 1, 2, 3, 4
PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 5, 6, 7, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
REFUSED_STREAM, CANCEL, COMPRESSION_ERROR, ENHANCE_YOUR_CALM = 7, 8, 9, 11
WINDOW_MAX = (1 << 31) - 1
FRAME_MAX = 16384
SETTING_TABLE, SETTING_WINDOW = 1, 4


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def integer(value, bits, flags=0):
    """RFC 7541 5.1."""
    top = (1 << bits) - 1
    if value < top:
        return bytes([flags | value])
    return bytes([flags | top]) + pb.varint(value - top)


def string(text):
    return integer(len(text), 7) + text


def literal(name, value):
    """A header that is spelled out and enters no table."""
    return b"\0" + string(name) + string(value)


def header_block(*pairs):
    return b"".join(literal(name, value) for name, value in pairs)


def grpc_headers(path, *more):
    return header_block(
        (b":method", b"POST"),
        (b":scheme", b"http"),
        (b":path", path.encode()),
        (b":authority", b"localhost"),
        (b"content-type", b"application/grpc"),
        (b"te", b"trailers"),
        *more,
    )


def grpc_message(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def data(stream, body, flags=END_STREAM):
    """DATA frames of the size that every peer takes; the last has the flags."""
    pieces = [body[at : at + FRAME_MAX] for at in range(0, len(body), FRAME_MAX)]
    out = [frame(DATA, 0, stream, piece) for piece in pieces[:-1]]
    return b"".join(out) + frame(DATA, flags, stream, pieces[-1])


def settings(**values):
    numbers = {"table": SETTING_TABLE, "window": SETTING_WINDOW}
    return b"".join(struct.pack(">HI", numbers[name], v) for name, v in values.items())


class Wire:
    """A connection that sends what it is told, and reads frames when asked."""

    def __init__(self, address, preface=True, timeout=10, **initial):
        if address.startswith("unix://"):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(timeout)
            self.socket.connect(address.removeprefix("unix://"))
        else:
            host, port = address.rsplit(":", 1)
            self.socket = socket.create_connection((host, int(port)), timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()
        self.timeout = timeout
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0, settings(**initial)))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def settle(self):
        """Take the other side's settings: before, its windows are the 64 kB of the protocol."""
        self.until(SETTINGS)
        self.send(frame(SETTINGS, ACK, 0))
        return self

    def send(self, out):
        self.socket.settimeout(self.timeout)
        self.socket.sendall(out)

    def flood(self, out, seconds):
        """Send this again and again for so long, or until the other side closes or takes no more.
        Return how often it was sent whole."""
        end = time.monotonic() + seconds
        times = 0
        self.socket.settimeout(0.2)
        try:
            while time.monotonic() < end:
                self.socket.sendall(out)
                times += 1
        except OSError:
            pass
        return times

    def request(self, stream, path, message=None, headers=(), flags=END_STREAM):
        """The frames of one call; without a message, only the headers."""
        block = grpc_headers(path, *headers)
        if message is None:
            return frame(HEADERS, END_HEADERS | flags, stream, block)
        return frame(HEADERS, END_HEADERS, stream, block) + data(
            stream, grpc_message(message), flags
        )

    def read_frame(self, seconds=10):
        """(kind, flags, stream, payload), or None once the connection is closed."""
        end = time.monotonic() + seconds
        while True:
            if len(self.unread) >= 9:
                size = int.from_bytes(self.unread[:3], "big")
                if len(self.unread) >= 9 + size:
                    kind, flags, stream = struct.unpack(">BBI", self.unread[3:9])
                    payload = bytes(self.unread[9 : 9 + size])
                    del self.unread[: 9 + size]
                    return kind, flags, stream, payload
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no whole frame came")
            self.socket.settimeout(left)
            try:
                piece = self.socket.recv(1 << 16)
            except (ConnectionResetError, BrokenPipeError):
                return None
            if not piece:
                return None
            self.unread += piece

    def until(self, kind, stream=None, seconds=10):
        """The next frame of a kind, or None if the connection ends before."""
        while True:
            found = self.read_frame(seconds)
            if found is None or (found[0] == kind and stream in (None, found[2])):
                return found

    def ending(self, seconds=10):
        """How the other side ends the connection: the code of its GOAWAY, "closed" without one, or
        None if it stays open for so long."""
        end = time.monotonic() + seconds
        code = "closed"
        try:
            while True:
                found = self.read_frame(max(end - time.monotonic(), 0.001))
                if found is None:
                    return code
                if found[0] == GOAWAY:
                    code = struct.unpack(">I", found[3][4:8])[0]
        except TimeoutError:
            return None if code == "closed" else code


class Calls:
    """Unary calls on one connection. A reply is its message; None stands for a refusal."""

    def __init__(self, address):
        self.wire = Wire(address, table=0, window=WINDOW_MAX).settle()
        self.wire.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", WINDOW_MAX - 65535)))
        self.next_stream = 1
        self.blocks = {}
        self.bodies = {}
        self.taken = 0

    def close(self):
        self.wire.close()

    def frames(self, path, message):
        """Begin a call: (its number, the bytes to send)."""
        stream = self.next_stream
        self.next_stream += 2
        if path not in self.blocks:
            self.blocks[path] = grpc_headers(path)
        self.bodies[stream] = bytearray()
        head = frame(HEADERS, END_HEADERS, stream, self.blocks[path])
        return stream, head + data(stream, grpc_message(message))

    def begin(self, path, message):
        stream, out = self.frames(path, message)
        self.wire.send(out)
        return stream

    def ended(self, seconds=10):
        """The next call that ends: (number, reply). Raises ConnectionError when there is none any
        more."""
        while True:
            found = self.wire.read_frame(seconds)
            if found is None:
                raise ConnectionError("closed")
            kind, flags, stream, payload = found
            if kind == DATA and stream in self.bodies:
                self.bodies[stream] += payload
                self._take(len(payload))
            elif kind == SETTINGS and not flags & ACK:
                self.wire.send(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self.wire.send(frame(PING, ACK, 0, payload))
            elif kind == GOAWAY:
                raise ConnectionError(f"GOAWAY {payload[4:]!r}")
            over = kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM)
            if over and stream in self.bodies:
                body = self.bodies.pop(stream)
                whole = kind != RST_STREAM and len(body) >= 5
                return stream, bytes(body[5:]) if whole else None

    def _take(self, size):
        """Give the connection's window back, in large steps."""
        self.taken += size
        if self.taken > 1 << 28:
            self.wire.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self.taken)))
            self.taken = 0

    def ready(self):
        """Something is there to be read."""
        return bool(self.wire.unread) or bool(select.select([self.wire.socket], [], [], 0)[0])

    def call(self, path, timeout=20, **fields):
        request, reply = pb.METHODS[path]
        mine = self.begin(path, request.encode(**fields))
        while True:
            stream, message = self.ended(timeout)
            if stream == mine:
                return None if message is None else reply.decode(message)
