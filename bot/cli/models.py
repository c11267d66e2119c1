"""`parley models`: versions of models in the data folder, from candidate to live and back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.cli.models_shown import (
    print_agreement,
    print_check,
    print_history,
    print_models,
    print_verdict,
    serving_note,
)
from bot.cli.models_tried import decide, judged, tried
from bot.cli.options import AsJson, ConfigFile, DataDir, print_json, read_settings, run_async

if TYPE_CHECKING:
    from bot.catalogue.registry import Registry
    from bot.catalogue.version import Version
    from bot.settings import Settings

app = typer.Typer(
    help="Versions of models: what serves each role, new ones, and which of them goes live.",
    no_args_is_help=True,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A version, by its name in the catalogue.")]
Role = Annotated[str, typer.Argument(metavar="ROLE", help="What it is asked for, such as sentiment.")]


@app.command("list")
def list_models(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Show what serves each role, and the other versions there are."""
    from bot.assembly import endpoint_roles, registry_of, worker_options
    from bot.catalogue.overview import overview

    settings = read_settings(config, data_dir)
    at_endpoint = endpoint_roles(settings) if settings.endpoint.url else frozenset()
    rows = overview(registry_of(settings), settings, worker_options(settings), at_endpoint=at_endpoint)
    if json:
        print_json([each.shown() for each in rows])
    else:
        print_models(rows)


@app.command()
def add(
    role: Role,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A checkpoint's folder, or with --download a hub's owner/model@revision."
        ),
    ],
    name: Annotated[str, typer.Option(help="What the version is called from now on.")],
    task: Annotated[str, typer.Option(help="What it does, for a role of your own.", show_default=False)] = "",
    licence: Annotated[
        str, typer.Option(help="Its licence, where its card does not say.", show_default=False)
    ] = "",
    languages: Annotated[str, typer.Option(help="Its languages, such as en,zh.", show_default=False)] = "",
    download: Annotated[bool, typer.Option("--download", help="Fetch it from the model hub.")] = False,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Copy a checkpoint into the data folder, as a candidate; nothing of it is run."""
    from bot.assembly import make_data_dir, registry_of
    from bot.catalogue import adding

    settings = read_settings(config, data_dir)
    make_data_dir(settings)
    chosen = settings.models.get(role)
    addition = adding.Addition(
        role=role,
        source=source,
        name=name,
        task=task or task_of(role, chosen.task if chosen else ""),
        licence=licence,
        languages=[each.strip() for each in languages.split(",") if each.strip()],
    )
    version = adding.add(registry_of(settings), addition, download=download)
    if json:
        print_json(version.packed())
        return
    print(
        f"{version.name} is a candidate for {role}: {version.bytes / 1e6:.1f} MB, sha256 {version.weights}."
    )
    if not version.licence:
        print("Its card names no licence. Find out before you use it; --licence notes it.")
    print(f"Next: parley models check {version.name}")


@app.command()
def check(
    name: Name,
    data: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Labelled rows to measure it on.", show_default=False),
    ] = None,
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """See that a version is whole, loads and answers; with --data, measure it and note the figures."""
    from bot.assembly import registry_of
    from bot.catalogue.agreement import Agreements

    settings = read_settings(config, data_dir)
    registry = registry_of(settings)
    version = registry.read().version(name)
    labels, figures = run_async(tried(settings, registry, version, data))
    if data and figures:
        file = data.name
        registry.change(lambda register: register.with_figures(name, file, figures))
    agreement = Agreements(registry.folder).read().get(name)
    if json:
        shown = {"name": name, "role": version.role, "labels": list(labels), "figures": figures}
        print_json(shown | {"agreement": agreement.shown() if agreement else None})
        return
    print_check(version, labels, figures)
    if agreement:
        print_agreement(agreement)


@app.command()
def shadow(
    name: Name,
    off: Annotated[bool, typer.Option("--off", help="Let it be one no longer.")] = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Let a version be asked beside the live one, for a share of the texts, to see how it would answer."""
    from bot.assembly import registry_of

    settings = read_settings(config, data_dir)
    registry = registry_of(settings)
    if off:
        registry.change(lambda register: register.without_shadow(name))
        print(f"{name} is no shadow any more.")
    else:
        _make_shadow(settings, registry, registry.read().version(name))


@app.command()
def promote(
    name: Name,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Labelled rows on which it must not be worse than what is live.",
            show_default=False,
        ),
    ] = None,
    slices: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Rows about groups of people, where it must not flag more; again for more files.",
            show_default=False,
        ),
    ] = None,
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIGURE=NUMBER",
            help="What is enough, instead of the comparison: macro_f1=0.75; again for more.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        str,
        typer.Option(
            metavar="REASON", help="Let it go live whatever was measured. It is kept.", show_default=False
        ),
    ] = "",
    json: AsJson = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Take a version one step further: without --data to shadow, with it to live if its gates pass."""
    from bot.assembly import registry_of
    from bot.catalogue.version import State
    from bot.errors import BadInput

    settings = read_settings(config, data_dir)
    registry = registry_of(settings)
    version = registry.read().version(name)
    if data is None and not force:
        if slices or at_least or version.state is not State.CANDIDATE:
            raise BadInput(f"{name} is {version.state}. To go live it is measured: give --data FILE.")
        _make_shadow(settings, registry, version)
        return
    if version.state is State.LIVE:
        raise BadInput(f"{name} is live already.")
    floors = floors_of(at_least or ())
    verdict = run_async(judged(settings, registry, version, data, slices=slices or (), floors=floors))
    if not json and verdict:
        print_verdict(verdict)
    decide(settings, registry, version, verdict, reason=force, json=json)


@app.command()
def rollback(role: Role, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Go back to what was live before, the built-in model included."""
    from bot.assembly import registry_of

    settings = read_settings(config, data_dir)
    registry = registry_of(settings)
    changed = registry.change(lambda register: register.rolled_back(role, registry.is_whole))
    step = changed.history[-1]
    passed = f" ({step.reason})" if step.reason else ""
    print(f"{role}: {step.before} is retired, {step.name} is live again{passed}.")
    print(serving_note(settings, role))


@app.command()
def remove(
    role: Role,
    version: Annotated[str, typer.Argument(metavar="VERSION", help="Its name in the catalogue.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigFile = None,
    data_dir: DataDir = None,
) -> None:
    """Delete a version that is neither live nor a shadow; the history keeps its steps."""
    from bot.assembly import registry_of
    from bot.catalogue import removing
    from bot.cli.questions import Questions

    registry = registry_of(read_settings(config, data_dir))
    removing.check(registry, role, version)
    if not yes and not Questions().confirm(f"Delete the files of {version}?", default=False):
        print(f"{version} stays. To remove it, answer y, or say --yes.")
        raise typer.Exit(1)
    removing.remove(registry, role, version)
    print(f"{version} is removed from {role}. parley models history keeps its steps.")


@app.command()
def history(json: AsJson = False, config: ConfigFile = None, data_dir: DataDir = None) -> None:
    """Show every step that was taken: when, by whom, why, and what was measured."""
    from bot.assembly import registry_of

    steps = registry_of(read_settings(config, data_dir)).read().history
    if json:
        print_json([each.packed() for each in steps])
    else:
        print_history(steps)


def task_of(role: str, named: str) -> str:
    """The task of a role that the settings or the lab know; empty for others."""
    from bot.models import TASKS, Task
    from bot.training.rows.labels import LABELLINGS

    if named or role in TASKS:
        return named or TASKS[role]
    return Task.CLASSIFICATION if role in LABELLINGS else ""


def floors_of(given: Sequence[str]) -> dict[str, float]:
    """What `FIGURE=NUMBER` says. Raises BadInput for anything else."""
    from bot.errors import BadInput

    floors = {}
    for each in given:
        figure, _, number = each.partition("=")
        try:
            floors[figure.strip()] = float(number)
        except ValueError:
            raise BadInput(f"--at-least {each}: write a figure and a number, as in macro_f1=0.75.") from None
    return floors


def _make_shadow(settings: Settings, registry: Registry, version: Version) -> None:
    from bot.errors import BadInput
    from bot.models import Task

    if version.task != Task.CLASSIFICATION:
        raise BadInput(
            f"Shadows are for models that classify, and {version.role} asks for {version.task}. Measure it "
            "with parley evaluate, then: parley models promote NAME --force REASON"
        )
    registry.check_files(version)
    registry.change(lambda register: register.with_shadow(version.name))
    share = settings.worker.shadow_share
    print(f"{version.name} is asked beside what is live in {version.role}, for {share:.0%} of the texts.")
    print("parley models list shows how often both agree.")
