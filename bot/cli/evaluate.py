"""`parley evaluate`: measure answers, search, speech recognition, summaries and alerts on labelled files."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.evaluate_answers import add_answers
from bot.cli.evaluate_labels import add_tasks
from bot.cli.measuring import Limit, measured, opened_models, print_figures, progress_bar, ready_models
from bot.cli.options import AsJson, ConfigFile, DataDir, read_settings, run_async

if TYPE_CHECKING:
    from bot.evaluation import SummaryFigures
    from bot.evaluation.translations import Translate
    from bot.settings import Settings

app = typer.Typer(help="Measure quality on labelled files.", no_args_is_help=True)
add_tasks(app)
add_answers(app)


@app.command()
def transcription(
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="A folder, or a .tar.gz of one: metadata.jsonl with file, text; recordings."
        ),
    ],
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Write recordings down and count the words that are wrong."""
    from bot.evaluation import evaluate_speech

    settings = read_settings(config, data_dir)

    figures = measured(
        opened_models(settings),
        lambda models, show: evaluate_speech(models, data, limit=limit, advance=show),
    )
    print_figures(dataclasses.asdict(figures), json=json)


@app.command()
def summarization(
    data: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Rows with dialogue, summary or summaries[]: .jsonl or .jsonl.gz."),
    ],
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Sum up conversations and compare with summaries by people (ROUGE F1, percent)."""
    from bot.evaluation import evaluate_summaries

    settings = read_settings(config, data_dir)

    figures = measured(
        ready_models(settings),
        lambda models, show: evaluate_summaries(models, data, limit=limit, advance=show, settings=settings),
    )
    print_figures(dataclasses.asdict(figures) if json else _in_one_table(figures), json=json)


@app.command()
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
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Translate sentences and compare with translations by people (BLEU and chrF, percent)."""
    from bot.evaluation import evaluate_translations

    settings = read_settings(config, data_dir)

    figures = measured(
        _translating(settings, model, beams),
        lambda translate, show: evaluate_translations(translate, data, limit=limit, advance=show),
    )
    found = dataclasses.asdict(figures)
    print_figures(found if json else _flat(found), json=json)


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


@app.command()
def mood(
    data: Annotated[
        list[Path],
        typer.Option(metavar="FILE", help="Rows with text and label (negative, neutral, positive)."),
    ],
    weeks: Annotated[int, typer.Option(min=1, max=52, help="Simulated weeks after one of quiet.")] = 1,
    channels: Annotated[int, typer.Option(min=1, max=200, help="Simulated channels.")] = 8,
    seed: Annotated[int, typer.Option(help="Another seed, another course of events.")] = 1,
    oracle: Annotated[
        bool, typer.Option("--oracle", help="Take the labels for sure: the detector by itself.")
    ] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw the first channel as SVG.", show_default=False)
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Simulate channels whose mood falls at known times, and see when the alerts come."""
    from bot.evaluation.mood import evaluate_mood
    from bot.evaluation.mood_chart import draw

    settings = read_settings(config, data_dir)

    async def measure() -> dict[str, Any]:
        with progress_bar() as show:
            async with AsyncExitStack() as stack:
                models = None if oracle else await stack.enter_async_context(opened_models(settings))
                figures, courses = await evaluate_mood(
                    models, data, weeks=weeks, channels=channels, seed=seed, advance=show, settings=settings
                )
        if chart is not None:
            chart.write_text(draw(courses[0]), "utf-8")
        return dataclasses.asdict(figures)

    figures = run_async(measure())
    sizes = figures.pop("by_size")
    print_figures(figures | {f"detected_{size}": share for size, share in sizes.items()}, json=json)


def _in_one_table(figures: SummaryFigures) -> dict[str, Any]:
    """The figures, and those of the baselines under their names."""
    own = dataclasses.asdict(figures)
    baselines = own.pop("baselines")
    return own | {
        f"{name} {kind}": value for name, scores in baselines.items() for kind, value in scores.items()
    }


def _flat(figures: dict[str, Any]) -> dict[str, Any]:
    """Figures of each direction beside those of all."""
    own = dict(figures)
    directions = own.pop("directions")
    return own | {
        f"{name} {kind}": value for name, scores in directions.items() for kind, value in scores.items()
    }
