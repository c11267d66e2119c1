"""`parley evaluate`: measure answers, search, speech recognition, summaries and alerts on labelled files."""

from __future__ import annotations

import asyncio
import dataclasses
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.cli.evaluate_labels import add_tasks
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings, run_async

if TYPE_CHECKING:
    from bot.evaluation import SummaryFigures
    from bot.evaluation.translations import Translate
    from bot.models import Models
    from bot.settings import Settings

app = typer.Typer(help="Measure quality on labelled files.", no_args_is_help=True)
add_tasks(app)

Limit = Annotated[
    int | None, typer.Option(min=1, help="Take only the first rows of the file.", show_default=False)
]
READY_SECONDS = 120.0


@app.command()
def qa(
    data: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Rows with question, context, answers[], [title]: .jsonl or .jsonl.gz."
        ),
    ],
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Index the contexts of a file in a new database and ask every question."""
    from bot.evaluation import evaluate_questions

    settings = read_settings(config, data_dir)

    async def measure() -> dict[str, Any]:
        with _progress_bar() as show:
            async with _ready_models(settings) as models:
                figures = await evaluate_questions(models, data, limit=limit, advance=show)
        return dataclasses.asdict(figures)

    _print(run_async(measure()), json=json)


@app.command()
def retrieval(
    corpus: Annotated[Path, typer.Option(metavar="FILE", help="Rows with id, text, [title].")],
    queries: Annotated[Path, typer.Option(metavar="FILE", help="Rows with text, relevant[] (corpus ids).")],
    limit: Limit = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Index a corpus in a new database and rank its documents for every query."""
    from bot.evaluation import evaluate_retrieval

    settings = read_settings(config, data_dir)

    async def measure() -> dict[str, Any]:
        with _progress_bar() as show:
            async with _ready_models(settings) as models:
                figures = await evaluate_retrieval(models, corpus, queries, limit=limit, advance=show)
        return figures.as_json()

    _print(run_async(measure()), json=json)


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

    async def measure() -> dict[str, Any]:
        with _progress_bar() as show:
            async with _models(settings) as models:
                figures = await evaluate_speech(models, data, limit=limit, advance=show)
        return dataclasses.asdict(figures)

    _print(run_async(measure()), json=json)


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

    async def measure() -> dict[str, Any]:
        with _progress_bar() as show:
            async with _ready_models(settings) as models:
                figures = await evaluate_summaries(models, data, limit=limit, advance=show, settings=settings)
        return dataclasses.asdict(figures) if json else _in_one_table(figures)

    _print(run_async(measure()), json=json)


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

    async def measure() -> dict[str, Any]:
        with _progress_bar() as show:
            async with _translating(settings, model, beams) as translate:
                figures = await evaluate_translations(translate, data, limit=limit, advance=show)
        return dataclasses.asdict(figures)

    figures = run_async(measure())
    _print(figures if json else _flat(figures), json=json)


@asynccontextmanager
async def _translating(settings: Settings, folder: Path | None, beams: int) -> AsyncIterator[Translate]:
    """What translates: a checkpoint in this process, else the model worker."""
    if folder:
        from bot.training.translator import Translator

        translator = Translator(folder, threads=settings.worker.threads or 1, beams=beams)
        one_at_a_time = asyncio.Lock()

        async def by_checkpoint(texts: Sequence[str], target: str, source: str) -> list[str]:
            async with one_at_a_time:
                return await asyncio.to_thread(translator.translate, texts, target)

        yield by_checkpoint
        return
    from bot.message import Priority

    async with _models(settings) as models:

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
        with _progress_bar() as show:
            async with AsyncExitStack() as stack:
                models = None if oracle else await stack.enter_async_context(_models(settings))
                figures, courses = await evaluate_mood(
                    models, data, weeks=weeks, channels=channels, seed=seed, advance=show, settings=settings
                )
        if chart is not None:
            chart.write_text(draw(courses[0]), "utf-8")
        return dataclasses.asdict(figures)

    figures = run_async(measure())
    sizes = figures.pop("by_size")
    _print(figures | {f"detected_{size}": share for size, share in sizes.items()}, json=json)


@asynccontextmanager
async def _ready_models(settings: Settings) -> AsyncIterator[Models]:
    """The model worker once its encoder is loaded."""
    async with _models(settings) as models:
        async with asyncio.timeout(READY_SECONDS):
            await models.ready()
        if "embedding" not in models.roles():
            print("No models answer: this measures search by words alone.", file=sys.stderr)
        yield models


@asynccontextmanager
async def _models(settings: Settings) -> AsyncIterator[Models]:
    """The model worker with a run folder of its own: measuring touches no data of the bot's."""
    from bot.assembly import open_models

    with TemporaryDirectory(prefix="parley-evaluation-") as folder:
        async with open_models(settings.model_copy(update={"data_dir": Path(folder)})) as models:
            yield models


@contextmanager
def _progress_bar() -> Iterator[Callable[[str, int, int], None]]:
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(file=sys.stderr)) as bars:
        known: dict[str, Any] = {}

        def show(name: str, done: int, total: int) -> None:
            if name not in known:
                known[name] = bars.add_task(name, total=total)
            bars.update(known[name], completed=done)

        yield show


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


def _print(figures: dict[str, Any], *, json: bool) -> None:
    if json:
        print_json(figures)
    else:
        print_table(["figure", "value"], [[name, str(value)] for name, value in figures.items()])
