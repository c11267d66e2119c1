"""Recordings: a stranger's file becomes samples in a limited process, and long samples become windows.

Neither the bot nor the worker opens such a file itself: a decoder that crashes, hangs or fills the
memory over it takes nothing down with it, and a hostile file finds no secret and nothing to write to.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

import bot
from bot.errors import BadInput, BadModel, TooLarge
from bot.worker.speech.opening import CPU_SECONDS, NOT_INSTALLED, NOT_READABLE, RATE, TOO_LONG

Samples: TypeAlias = NDArray[np.float32]

WALL_SECONDS = 2.0 * CPU_SECONDS
DIED = "The recording could not be read within the limits of time and memory. Send it in another format."
REFUSALS = {NOT_READABLE: BadInput, TOO_LONG: TooLarge, NOT_INSTALLED: BadModel}

# The loudest tenth of a second of a silent window is below this: 60 dB under full scale.
SILENCE = 1e-3
FRAME = RATE // 10


def decode(recording: bytes, *, minutes: int) -> Samples:
    """Its sound at 16 kHz, one channel, from -1 to 1.

    Raises TooLarge for more than `minutes`, BadInput for a file without sound, BadModel when the
    library that reads recordings is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="parley-") as folder:
        try:
            ended = subprocess.run(  # noqa: S603 - our own module
                python_command("bot.worker.speech.opening", str(minutes * 60)),
                input=recording,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=folder,
                env=environment(),
                timeout=WALL_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BadInput(DIED) from None
    if ended.returncode in REFUSALS:
        raise REFUSALS[ended.returncode](ended.stdout.decode())
    if ended.returncode:
        raise BadInput(DIED)
    samples = np.frombuffer(ended.stdout, np.int16).astype(np.float32)
    samples /= 32768
    return samples


def windows(samples: Samples, seconds: float) -> Iterator[Samples]:
    """The samples in pieces of at most `seconds`, each cut at the quietest moment of its last third."""
    longest = int(seconds * RATE)
    start = 0
    while len(samples) - start > longest:
        earliest = start + 2 * longest // 3
        cut = earliest + quietest(samples[earliest : start + longest])
        yield samples[start:cut]
        start = cut
    yield samples[start:]


def quietest(samples: Samples) -> int:
    """The middle of the quietest tenth of a second."""
    return int(loudness(samples).argmin()) * FRAME + FRAME // 2


def is_silent(samples: Samples) -> bool:
    """Whether nothing can be heard in it: recognisers make up words for silence."""
    return bool(loudness(samples).max() < SILENCE)


def loudness(samples: Samples) -> Samples:
    """The root mean square of each tenth of a second; the last one may be shorter."""
    starts = np.arange(0, max(1, len(samples)), FRAME)
    lengths = np.diff(np.append(starts, max(1, len(samples))))
    squares = np.square(samples) if len(samples) else np.zeros(1, np.float32)
    return np.sqrt(np.add.reduceat(squares, starts) / lengths).astype(np.float32)


def python_command(module: str, *arguments: str) -> list[str]:
    """How to start a module of ours in an interpreter that reads nothing of the user's."""
    return [sys.executable, "-P", "-s", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """What Python needs to find this program, and nothing that could be a secret."""
    home = str(Path(bot.__file__).resolve().parent.parent)
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT") if name in os.environ}
    return {**kept, "PYTHONPATH": home, "PYTHONDONTWRITEBYTECODE": "1"}
