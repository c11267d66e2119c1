"""The process that opens a stranger's recording, with little memory, little time and nothing to write to.

It takes the file from standard input until that ends, and leaves 16-bit samples on standard output
with exit code 0, or a sentence with one of the codes below. Arguments: the longest recording in seconds.
"""

from __future__ import annotations

import io
import resource
import sys
from collections.abc import Iterator
from typing import Any

RATE = 16_000
SAMPLE_BYTES = 2

NOT_READABLE, TOO_LONG, NOT_INSTALLED = 10, 11, 12

MEMORY_BYTES = 2**30
CPU_SECONDS = 60
OPEN_FILES = 64

# The container is chosen by the file's first bytes, never guessed by the library: among the formats it
# would guess are playlists, which open other files and addresses.
CONTAINERS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"OggS", "ogg"),
    (4, b"ftyp", "mov"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (8, b"WAVE", "wav"),
    (0, b"fLaC", "flac"),
    (0, b"ID3", "mp3"),
    (0, b"\xff\xf1", "aac"),
    (0, b"\xff\xf9", "aac"),
    (0, b"\xff", "mp3"),
)

UNKNOWN = "This file is no recording I can listen to. Send OGG, M4A, WebM, WAV, MP3 or FLAC."
SOUNDLESS = "The recording is damaged or holds no sound. Record it again."


class Unreadable(Exception):
    """The recording cannot be used; `code` is the exit code that says so."""

    def __init__(self, sentence: str, code: int = NOT_READABLE) -> None:
        super().__init__(sentence)
        self.code = code


def main() -> int:
    """Turn standard input into samples on standard output, and return the exit code."""
    longest = int(sys.argv[1])
    for kind, most in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        limit(kind, most)
    try:
        answer, code = bytes(decode(sys.stdin.buffer.read(), longest)), 0
    except Unreadable as error:
        answer, code = str(error).encode(), error.code
    except ImportError as error:
        sentence = f"Listening to recordings needs {error.name}: install parley[speech]."
        answer, code = sentence.encode(), NOT_INSTALLED
    except MemoryError:
        answer, code = (
            b"The recording needs too much memory to read. Send it in another format.",
            NOT_READABLE,
        )
    except Exception:  # noqa: BLE001 - a wall: whatever the library raises over a stranger's file ends here
        answer, code = SOUNDLESS.encode(), NOT_READABLE
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    return code


def limit(kind: int, most: int) -> None:
    """Lower a limit where the system knows it: macOS has none of memory."""
    try:
        resource.setrlimit(kind, (most, most))
    except (ValueError, OSError):
        return


def decode(content: bytes, longest: int) -> bytearray:
    """The first sound track as 16 kHz mono samples of 16 bits, native order. Raises Unreadable."""
    if not content:
        raise Unreadable("The recording is empty.")
    samples = bytearray()
    for piece in pieces(content, container_of(content)):
        samples += piece
        if len(samples) > longest * RATE * SAMPLE_BYTES:
            raise Unreadable(
                f"The recording is over {longest // 60} min. Send it in shorter parts.", TOO_LONG
            )
    if not samples:
        raise Unreadable(SOUNDLESS)
    return samples


def container_of(content: bytes) -> str:
    """The container the first bytes tell of. Raises Unreadable."""
    for offset, mark, container in CONTAINERS:
        if content.startswith(mark, offset):
            return container
    raise Unreadable(UNKNOWN)


def pieces(content: bytes, container: str) -> Iterator[bytes]:
    """Samples as they are decoded. Packets that are damaged are left out."""
    import av

    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(io.BytesIO(content), "r", format=container, metadata_errors="replace") as opened:
        if not opened.streams.audio:
            raise Unreadable(SOUNDLESS)
        stream = opened.streams.audio[0]
        stream.codec_context.thread_count = 1
        for frame in frames_of(opened.demux(stream)):
            for resampled in resampler.resample(frame):
                yield samples_of(resampled)
        for resampled in resampler.resample(None):
            yield samples_of(resampled)


def frames_of(packets: Iterator[Any]) -> Iterator[Any]:
    """The frames of the packets that can be decoded."""
    import av

    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            yield from packet.decode()
        except av.error.FFmpegError:
            continue


def samples_of(frame: Any) -> bytes:
    """The samples of a mono frame, without the padding behind them."""
    return bytes(frame.planes[0])[: frame.samples * SAMPLE_BYTES]


if __name__ == "__main__":
    sys.exit(main())
