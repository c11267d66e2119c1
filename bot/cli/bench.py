"""`parley bench`: measure this machine."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, print_table, read_settings, run_async

if TYPE_CHECKING:
    from bot.benchmarks.serving.plan import Plan

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
def worker(
    json: AsJson = False,
    quick: Annotated[bool, typer.Option(help="Only the main numbers, within some minutes.")] = False,
    peers: Annotated[bool, typer.Option(help="Install other servers, to be measured beside parley.")] = False,
    systems: Annotated[str, typer.Option(help="Peers to measure, separated by commas; all by default.")] = "",
    chart: Annotated[Path | None, typer.Option(help="Draw the results into this SVG file.")] = None,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """The model worker beside other servers of the same model and beside the model's own limit.

    The servers that --peers installs have an environment each in the data folder.
    """
    from bot.benchmarks.serving import chart as drawing
    from bot.benchmarks.worker import HEADINGS, measure, rows, summary

    settings = read_settings(config, data_dir)
    plan = chosen_plan(quick=quick, peers=peers, systems=systems)
    place = settings.data_dir.absolute() / "benchmarks"
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        results = run_async(
            measure(Path(folder), place, plan, lambda what: print(f"… {what}", file=sys.stderr))
        )
    if chart:
        chart.write_text(drawing.chart(results), encoding="utf-8")
    if json:
        return print_json(results)
    print_table(list(HEADINGS.values()), rows(results))
    return print_table(["measured", "result"], summary(results))


@app.command()
def models(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Each model that comes with parley, on one core: messages per second, size on disk, memory."""
    from bot.benchmarks.models import HEADINGS, measure, rows

    settings = read_settings(config, data_dir)
    cache = settings.data_dir.absolute() / "models"
    found = measure(cache, lambda role: print(f"… {role}", file=sys.stderr))
    if json:
        return print_json(found)
    return print_table(list(HEADINGS.values()), rows(found))


def chosen_plan(*, quick: bool, peers: bool, systems: str) -> Plan:
    """The plan that options ask for. Raises BadInput for a peer that is not known."""
    from dataclasses import replace

    from bot.benchmarks.serving.peers import PEERS
    from bot.benchmarks.serving.plan import QUICK, Plan
    from bot.errors import BadInput

    plan = QUICK if quick else Plan()
    if peers:
        plan = replace(plan, may_install=True, peers=tuple(PEERS))
    named = tuple(filter(None, map(str.strip, systems.split(","))))
    if unknown := set(named) - set(PEERS):
        raise BadInput(f"--systems knows {', '.join(PEERS)}, not {', '.join(sorted(unknown))}.")
    return replace(plan, peers=named) if named else plan
