"""`parley evaluate summarization` and `translation`: texts held against those of people."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.measuring import Limit, measured, opened_models, print_figures, ready_models
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings

if TYPE_CHECKING:
    from bot.evaluation.judging import Judge
    from bot.evaluation.translations import Translate
    from bot.settings import Settings

BertScoreFolder = Annotated[
    Path | None,
    typer.Option(
        "--bertscore", metavar="DIR", show_default=False, help="An encoder's checkpoint: add BERTScore by it."
    ),
]
BertScoreLayer = Annotated[
    int | None,
    typer.Option(
        "--bertscore-layer",
        metavar="N",
        min=0,
        show_default=False,
        help="Behind which layer BERTScore takes its vectors; the last if not given.",
    ),
]
BleurtFolder = Annotated[
    Path | None,
    typer.Option(
        "--bleurt",
        metavar="DIR",
        show_default=False,
        help="A checkpoint with one output for (reference, text): add BLEURT by it.",
    ),
]


def add_texts(app: typer.Typer) -> None:
    """Make the commands."""
    for command in (summarization, translation):
        app.command()(command)


def summarization(
    data: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Rows with dialogue, summary or summaries[]: .jsonl or .jsonl.gz."),
    ],
    bertscore: BertScoreFolder = None,
    bertscore_layer: BertScoreLayer = None,
    bleurt: BleurtFolder = None,
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Sum up conversations and compare with summaries by people (ROUGE F1, percent).

    The first 3 turns and the first 150 words of each conversation are measured beside.
    """
    from bot.evaluation import evaluate_summaries

    settings = read_settings(config, data_dir)
    judges = judges_of(settings, bertscore, bertscore_layer, bleurt)

    figures = measured(
        ready_models(settings),
        lambda models, show: evaluate_summaries(
            models, data, limit=limit, advance=show, settings=settings, judges=judges
        ),
    )
    found = _with_learned(dataclasses.asdict(figures))
    if json:
        print_json(found)
        return
    baselines = found.pop("baselines")
    _print_beside(found, baselines)


def translation(
    data: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Rows with src, tgt, src_lang, tgt_lang: .jsonl or .jsonl.gz."),
    ],
    model: Annotated[
        Path | None,
        typer.Option(metavar="DIR", show_default=False, help="A checkpoint instead of the worker's model."),
    ] = None,
    beams: Annotated[int, typer.Option(min=1, help="Width of the search, for --model.")] = 1,
    bertscore: BertScoreFolder = None,
    bertscore_layer: BertScoreLayer = None,
    bleurt: BleurtFolder = None,
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Translate sentences and compare with translations by people (BLEU and chrF, percent)."""
    from bot.evaluation import evaluate_translations

    settings = read_settings(config, data_dir)
    judges = judges_of(settings, bertscore, bertscore_layer, bleurt)

    figures = measured(
        _translating(settings, model, beams),
        lambda translate, show: evaluate_translations(
            translate, data, limit=limit, advance=show, judges=judges
        ),
    )
    found = _with_learned(dataclasses.asdict(figures))
    found["directions"] = {name: _with_learned(each) for name, each in found["directions"].items()}
    print_figures(found if json else _flat(found), json=json)


def judges_of(
    settings: Settings, bertscore: Path | None, layer: int | None, bleurt: Path | None
) -> list[Judge]:
    """What judges texts by a model, loaded. Raises BadInput and BadModel."""
    from bot.errors import BadInput

    if layer is not None and bertscore is None:
        raise BadInput("--bertscore-layer belongs to --bertscore DIR.")
    threads, judges = settings.worker.threads or 1, list[Any]()
    if bertscore:
        from bot.training.measures.bertscore import BertScore

        judges.append(BertScore(bertscore, layer=layer, threads=threads))
    if bleurt:
        from bot.training.measures.bleurt import Bleurt

        judges.append(Bleurt(bleurt, threads=threads))
    return judges


@asynccontextmanager
async def _translating(settings: Settings, folder: Path | None, beams: int) -> AsyncIterator[Translate]:
    """What translates: a checkpoint in this process, else the model worker."""
    if folder:
        from bot.training.checkpoints.translator import Translator

        translator = Translator(folder, threads=settings.worker.threads or 1, beams=beams)
        one_at_a_time = asyncio.Lock()

        async def by_checkpoint(texts: Sequence[str], target: str, source: str) -> list[str]:
            async with one_at_a_time:
                return await asyncio.to_thread(translator.translate, texts, target)

        yield by_checkpoint
        return
    from bot.message import Priority

    async with opened_models(settings) as models:

        async def by_worker(texts: Sequence[str], target: str, source: str) -> list[str]:
            return await models.translate(texts, target=target, source=source, priority=Priority.BACKGROUND)

        yield by_worker


def _with_learned(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures with those of judges among them."""
    others = {name: value for name, value in figures.items() if name != "learned"}
    return {**others, **figures["learned"]}


def _print_beside(figures: Mapping[str, Any], baselines: Mapping[str, Mapping[str, float]]) -> None:
    """A table of the figures with a column for each baseline."""
    rows = [
        [name, str(value), *(str(each.get(name, "")) for each in baselines.values())]
        for name, value in figures.items()
    ]
    print_table(["figure", "parley", *baselines], rows)


def _flat(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures of each direction beside those of all."""
    own = dict(figures)
    directions = own.pop("directions")
    return own | {
        f"{name} {kind}": value for name, scores in directions.items() for kind, value in scores.items()
    }
