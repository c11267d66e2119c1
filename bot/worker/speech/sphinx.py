"""The small English recogniser of pocketsphinx, in a process of its own.

Its library holds Python's lock while it computes, so beside other models it would stop them all. The
process takes windows from standard input (four bytes of length, big endian, then samples of 16 bits)
and answers each with its words (four bytes of length, then UTF-8). It ends with its input.
"""

from __future__ import annotations

import math
import resource
import subprocess
import sys
import time
from typing import Any

import numpy as np

from bot.errors import BadModel
from bot.worker.catalogue import Entry, Heard
from bot.worker.speech.audio import Samples, environment, python_command
from bot.worker.speech.opening import RATE

WINDOW_SECONDS = 15.0
CPU_SECONDS = 120
# The model expects a word to begin and end in quiet.
QUIET_SECONDS = 0.25


class Sphinx:
    """English alone, without punctuation. Made anew when its process has died."""

    window_seconds = WINDOW_SECONDS

    def __init__(self, entry: Entry, threads: int) -> None:
        self.name = entry.name
        self._process = start()
        if self._exchange(b"") is None:
            self.close()
            raise BadModel(f"The recogniser {entry.name} does not start. Install parley[speech] again.")

    def hear(self, window: Samples) -> Heard:
        """The words of a window. Raises EOFError when the recogniser died over it."""
        if self._process.poll() is not None:
            self.close()
            self._process = start()
        quiet = int(QUIET_SECONDS * RATE)
        scaled = np.clip(np.pad(window, quiet) * 32768, -32768, 32767).astype(np.int16)
        answer = self._exchange(scaled.tobytes())
        if answer is None:
            raise EOFError("the recogniser's process ended")
        return Heard(f" {answer}" if answer else "", "en")

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _exchange(self, window: bytes) -> str | None:
        """The answer to a window; None when the process has died."""
        source, sink = self._process.stdout, self._process.stdin
        assert source is not None  # noqa: S101 - both are pipes
        assert sink is not None  # noqa: S101
        try:
            sink.write(len(window).to_bytes(4) + window)
            sink.flush()
        except OSError:
            return None
        head = source.read(4)
        return source.read(int.from_bytes(head)).decode() if head else None


def start() -> subprocess.Popen[bytes]:
    """The recogniser's process."""
    return subprocess.Popen(  # noqa: S603 - our own module
        python_command("bot.worker.speech.sphinx"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment(),
    )


def main() -> None:
    """Answer windows until standard input ends."""
    from pocketsphinx import Decoder

    decoder = Decoder(loglevel="FATAL")
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while head := source.read(4):
        window = source.read(int.from_bytes(head))
        limit_time()
        words = recognise(decoder, window).encode()
        sink.write(len(words).to_bytes(4) + words)
        sink.flush()


def recognise(decoder: Any, window: bytes) -> str:
    """The words of a window, which is normalised as a whole: what was said before does not matter."""
    if not window:
        return ""
    decoder.start_utt()
    decoder.process_raw(window, full_utt=True)
    decoder.end_utt()
    found = decoder.hyp()
    return found.hypstr if found else ""


def limit_time() -> None:
    """So much CPU time from now; the system ends the process after it."""
    most = math.ceil(time.process_time()) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
