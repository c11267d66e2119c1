"""`parley bench`: measure this machine."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings, run_async

app = typer.Typer(help="Measure how fast parley is here.", no_args_is_help=True)


@app.command()
def core(
    sizes: Annotated[
        str, typer.Option(help="History sizes to measure, separated by commas.")
    ] = "10000,100000,1000000",
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Messages per second, times of the history, memory and start; in a temporary folder, minutes long."""
    from bot.benchmarks.core import measure
    from bot.errors import BadInput

    read_settings(config, data_dir)
    if not all(size.strip().isdigit() for size in sizes.split(",")):
        raise BadInput(f"--sizes takes whole numbers separated by commas, not {sizes!r}.")
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        counts = [int(size) for size in sizes.split(",")]
        results = run_async(measure(Path(folder), counts, lambda what: print(f"… {what}", file=sys.stderr)))
    if json:
        return print_json(results)
    return print_table(["measured", "result"], [[name, str(value)] for name, value in results.items()])


@app.command()
def connectors(
    events: Annotated[int, typer.Option(min=10, help="Events to pass while memory is looked at.")] = 100_000,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Discord and Slack on fakes of both: events per second, times, CPU and memory; minutes long."""
    from bot.benchmarks.connectors import measure

    read_settings(config, data_dir)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        results = run_async(measure(Path(folder), events, lambda what: print(f"… {what}", file=sys.stderr)))
    if json:
        return print_json(results)
    rows = [
        [f"{platform}: {name}", str(value)]
        for platform, each in results.items()
        for name, value in each.items()
    ]
    return print_table(["measured", "result"], rows)


@app.command()
def worker(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Start of the model worker, texts per second, and how long the event loop waits meanwhile."""
    from bot.benchmarks.worker import measure

    settings = read_settings(config, data_dir)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        results = run_async(measure(settings, Path(folder), lambda what: print(f"… {what}", file=sys.stderr)))
    if json:
        return print_json(results)
    return print_table(["measured", "result"], [[name, str(value)] for name, value in results.items()])
