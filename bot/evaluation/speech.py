"""Measure speech recognition on recordings whose words are known."""

from __future__ import annotations

import re
import tarfile
import time
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from bot.errors import BadInput
from bot.evaluation.rows import Advance, Row, read_rows, since, work_on
from bot.models import Models, Transcript

ROWS = "metadata.jsonl"
# However many recordings are waiting, none may be given up before it is heard.
DEADLINE_SECONDS = 24 * 3600.0
NOT_IN_WORDS = re.compile(r"[^\w\s']|_")


@dataclass(frozen=True, slots=True)
class SpeechFigures:
    """How well speech was understood. `wer` is the word error rate over all `n` recordings together:
    the words substituted, left out and put in, for each word that was said.

    `real_time_factor` is the seconds it took for each second of sound.
    """

    wer: float
    n: int
    seconds: float
    audio_seconds: float
    real_time_factor: float


async def evaluate_speech(
    models: Models, place: Path, *, limit: int | None = None, advance: Advance | None = None
) -> SpeechFigures:
    """Write down the recordings of a folder, or of a .tar.gz of one, and compare with what was said.

    Its `metadata.jsonl` has a row for each: `file` and `text`. Raises BadInput for a malformed one.
    """
    with opened(place) as folder:
        rows = read_rows(folder / ROWS, {"file": str, "text": str}, limit)
        references = [reference_of(row) for row in rows]

        async def hear(row: Row) -> Transcript:
            return await models.transcribe(read(folder, row["file"]), deadline=DEADLINE_SECONDS)

        begun = time.monotonic()
        transcripts = await work_on(hear, rows, "recordings", advance)
        seconds = since(begun)
    sound = sum(each.seconds for each in transcripts)
    return SpeechFigures(
        wer=round(word_error_rate(references, [words_of(each.text) for each in transcripts]), 4),
        n=len(rows),
        seconds=seconds,
        audio_seconds=round(sound, 1),
        real_time_factor=round(seconds / sound, 3) if sound else 0.0,
    )


def words_of(text: str) -> str:
    """Lower case, without punctuation, single spaces; numbers as they are written."""
    return " ".join(NOT_IN_WORDS.sub(" ", text.lower().replace("’", "'")).split())


def word_error_rate(references: Sequence[str], heard: Sequence[str]) -> float:
    """Levenshtein distance in words over all texts, divided by the words of the references."""
    try:
        from jiwer import wer
    except ImportError:
        raise BadInput("Measuring speech recognition needs jiwer: install parley[speech].") from None
    return float(wer(list(references), list(heard)))


def reference_of(row: Row) -> str:
    """The words that were said. Raises BadInput when there are none to compare with."""
    words = words_of(row["text"])
    if not words:
        raise BadInput(f"{ROWS}: the text of {row['file']!r} holds no words.")
    return words


def read(folder: Path, name: str) -> bytes:
    """The bytes of a recording. Raises BadInput for one that is not in the folder."""
    try:
        return (folder / inside(name)).read_bytes()
    except OSError:
        raise BadInput(f"{ROWS}: there is no file {name!r} beside it.") from None


def inside(name: str) -> PurePosixPath:
    """A path that stays in its folder. Raises BadInput for any other."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise BadInput(f"{name!r} leads out of its folder.")
    return path


@contextmanager
def opened(place: Path) -> Iterator[Path]:
    """The folder itself, or what an archive holds, in a temporary one. Raises BadInput."""
    if place.is_dir():
        yield place
        return
    with TemporaryDirectory(prefix="parley-evaluation-") as temporary:
        try:
            unpack(place, Path(temporary))
        except FileNotFoundError:
            raise BadInput(f"{place}: there is no such file or folder.") from None
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise BadInput(f"{place}: it cannot be read as .tar.gz ({error}).") from None
        yield Path(temporary)


def unpack(archive: Path, folder: Path) -> None:
    """Write the files of an archive, and nothing else of it, into a folder."""
    with tarfile.open(archive) as opened_archive:
        for member in opened_archive:
            content = opened_archive.extractfile(member) if member.isfile() else None
            if content is not None:
                path = folder / inside(member.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content.read())
