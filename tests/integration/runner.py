"""Runs the registered tests, each with a scratch directory, and prints a line for each."""

import os
import signal
import sys
import time
import traceback

import harness

TEST_S_MAX = 240


def _out_of_time(*_):
    raise TimeoutError(f"the test took longer than {TEST_S_MAX} s")


def _explain(error, scratch):
    """Where it failed and why, then what the servers logged."""
    said = [server.log()[-3000:] for server in scratch.servers if server.process]
    at = traceback.extract_tb(error.__traceback__)
    where = next((f for f in reversed(at) if "/test_" in f.filename), at[-1])
    text = f"{os.path.basename(where.filename)}:{where.lineno}: "
    text += f"{type(error).__name__}: {error}"
    return "\n".join([text] + [f"its log:\n{log}" for log in said])


def _run_one(function, make_scratch):
    """Run a test; return ("ok" | "FAILED" | "left out", what there is to say)."""
    signal.alarm(TEST_S_MAX)
    try:
        with make_scratch() as scratch:
            try:
                return "ok", function(scratch)
            except harness.LeftOut as reason:
                return "left out", str(reason)
            except Exception as error:  # pylint: disable=broad-except
                return "FAILED", _explain(error, scratch)
    finally:
        signal.alarm(0)


def run_tests(wanted, make_scratch=harness.Scratch):
    """Run every test for whose "name: sentence" wanted says yes; return the exit status that agrees
    with the closing line, "N passed, N failed"."""
    signal.signal(signal.SIGALRM, _out_of_time)
    # A shell that runs us in the background ignores it, and what we start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    passed = failed = 0
    for name, sentence, function in harness.TESTS:
        if not wanted(f"{name}: {sentence}"):
            continue
        begun = time.monotonic()
        verdict, note = _run_one(function, make_scratch)
        took = time.monotonic() - begun
        passed += verdict == "ok"
        failed += verdict == "FAILED"
        line = f"{verdict:8} {name}: {sentence} ({took:.1f} s"
        first, *rest = str(note or "").splitlines() or [""]
        print(line + (f"; {first})" if first and verdict != "FAILED" else ")"))
        if verdict == "FAILED":
            print("\n".join("    " + text for text in [first, *rest]))
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
