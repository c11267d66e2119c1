"""Measure translations against those of people: BLEU and chrF, with the signature that says how."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean

from bot.errors import BadInput
from bot.evaluation.judging import DIGITS, Judge, check_texts, judged
from bot.evaluation.rows import Advance, Row, read_rows, since, work_on

FIELDS = {"src": str, "tgt": str, "src_lang": str, "tgt_lang": str}
# sacrebleu's tokenizers for languages that write no spaces; the others have its default.
TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char"}
TOGETHER = 32

Translate = Callable[[Sequence[str], str, str], Awaitable[Sequence[str]]]
"""Texts, the language wanted, the language they are in → their translations."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How near translations into one language come to those of people, in percent.

    BLEU: Papineni et al. (2002), computed as Post (2018) asks; chrF: Popović (2015). `learned` are the
    figures of judges.
    """

    bleu: float
    chrf: float
    signature: str
    n: int
    learned: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TranslationFigures:
    """The figures of a file; `directions` has them by direction, such as `en-de`.

    Of several directions `bleu`, `chrf` and those `learned` are means, and `signature` is empty where
    theirs differ.
    """

    bleu: float
    chrf: float
    signature: str
    n: int
    seconds: float
    directions: Mapping[str, Scores]
    learned: Mapping[str, float] = field(default_factory=dict)


def score(translations: Sequence[str], references: Sequence[str], language: str) -> Scores:
    """BLEU and chrF of translations into a language, one reference each."""
    try:
        from sacrebleu.metrics.bleu import BLEU
        from sacrebleu.metrics.chrf import CHRF
    except ImportError:
        raise BadInput("Measuring translations needs sacrebleu: install parley[evaluation].") from None
    measure = BLEU(tokenize=TOKENIZERS.get(language, "13a"))
    bleu = measure.corpus_score(list(translations), [list(references)])
    return Scores(
        bleu=round(bleu.score, 2),
        chrf=round(CHRF().corpus_score(list(translations), [list(references)]).score, 2),
        signature=str(measure.get_signature()),
        n=len(translations),
    )


async def evaluate_translations(
    translate: Translate,
    file: Path,
    *,
    limit: int | None = None,
    advance: Advance | None = None,
    judges: Sequence[Judge] = (),
) -> TranslationFigures:
    """Translate the sources of a file and compare with its targets.

    Rows have src, tgt, src_lang and tgt_lang. `judges` add figures of their own. Raises BadInput for a
    malformed file.
    """
    begun = time.monotonic()
    read = read_rows(file, FIELDS, limit)
    await check_texts(judges, [[row["tgt"]] for row in read])
    parts = _parts(read)

    async def work(part: Sequence[Row]) -> Sequence[str]:
        return await translate([row["src"] for row in part], part[0]["tgt_lang"], part[0]["src_lang"])

    translated = await work_on(work, parts, f"parts of {TOGETHER} sentences", advance)
    seconds = since(begun)
    directions = {
        name: replace(_scores(each), learned=await _learned(judges, name, each, advance))
        for name, each in _by_direction(_told(parts, translated)).items()
    }
    return _figures(directions, seconds)


def _by_direction(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(f"{row['src_lang']}-{row['tgt_lang']}", []).append(row)
    return found


def _parts(rows: Sequence[Row]) -> list[list[Row]]:
    """Rows of one direction, in parts; those alike in length together, so that batches fill."""
    return [
        each[begin : begin + TOGETHER]
        for direction in _by_direction(rows).values()
        for each in [sorted(direction, key=lambda row: len(row["src"]))]
        for begin in range(0, len(each), TOGETHER)
    ]


def _told(parts: Sequence[Sequence[Row]], translated: Sequence[Sequence[str]]) -> list[Row]:
    """The rows of all parts, each with our translation."""
    return [
        {**row, "ours": text}
        for part, texts in zip(parts, translated, strict=True)
        for row, text in zip(part, texts, strict=True)
    ]


def _scores(rows: Sequence[Row]) -> Scores:
    return score([row["ours"] for row in rows], [row["tgt"] for row in rows], rows[0]["tgt_lang"])


async def _learned(
    judges: Sequence[Judge], direction: str, rows: Sequence[Row], advance: Advance | None
) -> dict[str, float]:
    texts, references = [row["ours"] for row in rows], [[row["tgt"]] for row in rows]
    return await judged(judges, texts, references, name=direction, advance=advance)


def _figures(directions: Mapping[str, Scores], seconds: float) -> TranslationFigures:
    all_scores = list(directions.values())
    signatures = {scores.signature for scores in all_scores}
    return TranslationFigures(
        bleu=round(fmean(scores.bleu for scores in all_scores), 2),
        chrf=round(fmean(scores.chrf for scores in all_scores), 2),
        signature=signatures.pop() if len(signatures) == 1 else "",
        n=sum(scores.n for scores in all_scores),
        seconds=seconds,
        directions=directions,
        learned={
            name: round(fmean(scores.learned[name] for scores in all_scores), DIGITS)
            for name in all_scores[0].learned
        },
    )
