"""The same in other words: texts translated into another language and back, by the role that translates."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.errors import BadInput
from bot.models import TRANSLATION, Task
from bot.training.variants.protection import HAN, PROTECTED, WORD
from bot.worker.catalogue import DOORS, Entry, find_entry, make_engine
from bot.worker.options import WorkerOptions

if TYPE_CHECKING:
    from bot.worker.seq2seq.rewriting import Rewriter

ENGLISH = "en"
CHINESE = "zh"
PIVOT = "de"
BATCH = 32
# How much longer or shorter than its original a paraphrase may be, in characters, and still say the same.
SHORTEST, LONGEST = 0.4, 2.5


class BackTranslator:
    """Translates into another language and back. What is protected stays as it is, where it is.

    One model that writes both languages, or one for each way: English goes through `pivot`, other
    languages through English.
    """

    def __init__(self, there: Rewriter, back: Rewriter, *, pivot: str = PIVOT) -> None:
        self._there = there
        self._back = back
        self._pivot = pivot

    def rewrite(self, texts: Sequence[str], language: str = "") -> list[str]:
        """Each text in other words; itself where what came back says too much, too little or nothing.

        Without a `language` it is told by the script: Chinese or English. Raises BadInput for one that the
        model cannot write.
        """
        found = [language or (CHINESE if HAN.search(text) else ENGLISH) for text in texts]
        rewritten = list(texts)
        for source in dict.fromkeys(found):
            places = [place for place, each in enumerate(found) if each == source]
            others = self._parts([texts[place] for place in places], source)
            for place, other in zip(places, others, strict=True):
                rewritten[place] = other
        return rewritten

    def _parts(self, texts: Sequence[str], source: str) -> list[str]:
        """The texts with all that is not protected translated at once."""
        pieces = [cut(text) for text in texts]
        said = [(row, place) for row, each in enumerate(pieces) for place in spoken(each)]
        others = self._through([pieces[row][place].strip() for row, place in said], source)
        for (row, place), other in zip(said, others, strict=True):
            own = pieces[row][place]
            start = len(own) - len(own.lstrip())
            end = len(own.rstrip())
            pieces[row][place] = own[:start] + sound(own.strip(), other) + own[end:]
        return ["".join(each) for each in pieces]

    def _through(self, texts: Sequence[str], source: str) -> list[str]:
        pivot = self._pivot if source == ENGLISH else ENGLISH
        away = translated(self._there, texts, target=pivot, source=source)
        return translated(self._back, away, target=source, source=pivot)


def open_translator(
    folders: Sequence[Path], options: WorkerOptions, *, threads: int = 1, pivot: str = PIVOT
) -> BackTranslator:
    """By the checkpoints in `folders` (one, or one for each way), else by the worker's own model.

    Raises BadModel where there is none, BadInput for more than two folders.
    """
    if len(folders) > 2:
        raise BadInput("Name one model that translates both ways, or two: one for each way.")
    entries = [own_entry(folder) for folder in folders] or [find_entry(TRANSLATION, options)]
    engines: list[Any] = [make_engine(entry, threads) for entry in entries]
    return BackTranslator(engines[0], engines[-1], pivot=pivot)


def own_entry(folder: Path) -> Entry:
    """A checkpoint that translates, as the worker takes it."""
    return Entry(TRANSLATION, folder.name, folder, "", 0, DOORS[Task.TRANSLATION], task=Task.TRANSLATION)


def translated(rewriter: Rewriter, texts: Sequence[str], *, target: str, source: str) -> list[str]:
    """Each text in the language `target`; "" where there is none."""
    choice = rewriter.choose({"target": target, "source": source})
    written: list[str] = []
    for start in range(0, len(texts), BATCH):
        tokens = rewriter.tokenize(texts[start : start + BATCH])
        written += [text or "" for text in rewriter.compute(tokens, choice)]
    return written


def cut(text: str) -> list[str]:
    """The pieces of a text: what may be changed, then what is protected, in turn."""
    pieces, end = [], 0
    for found in PROTECTED.finditer(text):
        pieces += [text[end : found.start()], found.group()]
        end = found.end()
    return [*pieces, text[end:]]


def spoken(pieces: Sequence[str]) -> list[int]:
    """The places of pieces that may be changed and have a word."""
    return [place for place in range(0, len(pieces), 2) if WORD.search(pieces[place])]


def sound(own: str, other: str) -> str:
    """The paraphrase, or the original where the other cannot be one."""
    return other if SHORTEST * len(own) <= len(other) <= LONGEST * len(own) else own
