"""`parley evaluate`: measure answers, search, texts, labels, recordings and alerts on labelled files."""

from __future__ import annotations

import dataclasses
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli.evaluate_answers import add_answers
from bot.cli.evaluate_labels import add_tasks
from bot.cli.evaluate_texts import add_texts
from bot.cli.measuring import Limit, measured, opened_models, print_figures, progress_bar
from bot.cli.options import AsJson, ConfigFile, DataDir, read_settings, run_async

app = typer.Typer(help="Measure quality on labelled files.", no_args_is_help=True)
add_tasks(app)
add_answers(app)
add_texts(app)


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
