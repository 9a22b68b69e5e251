"""A program that keeps running while a check looks at what it prints."""

import os
import selectors
import subprocess
import time

import harness

LINE_S_MAX = 30


class Live:
    """Use as a context manager; the program is ended at its end."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **{"env": harness.plain_environment(), **options},
        )
        self.output = ""
        self.read_to = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def _read_more(self, end):
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(max(end - time.monotonic(), 0)):
                return False
        more = os.read(self.process.stdout.fileno(), 1 << 16)
        self.output += more.decode()
        return bool(more)

    def until(self, text):
        """Wait until it has printed text after what was waited for before; return what came up to
        there."""
        end = time.monotonic() + LINE_S_MAX
        while (at := self.output.find(text, self.read_to)) < 0:
            if not self._read_more(end):
                raise harness.Failure(f"{text!r} did not come; it printed:\n{self.output}")
        found = self.output[self.read_to : at]
        self.read_to = at + len(text)
        return found

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def interrupt(self):
        self.process.terminate()
        return self.ended()

    def ended(self):
        """Read to its end; return its exit status."""
        end = time.monotonic() + LINE_S_MAX
        while self._read_more(end):
            pass
        return self.process.wait(LINE_S_MAX)
