"""`parley federate`: learn one model from the rows of several sites, none of which shows them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from bot.cli.options import AsJson
from bot.cli.train import print_report


def federate(
    task: Annotated[
        str, typer.Argument(metavar="TASK", help="What is learnt: sentiment, toxicity, emotion or intents.")
    ],
    site: Annotated[
        list[Path], typer.Option(metavar="FILE", help="Rows that only their own site opens; repeat it.")
    ],
    dev: Annotated[Path, typer.Option(metavar="FILE", help="Rows to measure on, which all may see.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run: checkpoint, curves, card.")],
    rounds: Annotated[int, typer.Option(min=1, help="Times that updates become one.")] = 5,
    aggregate: Annotated[
        str, typer.Option(help="How: mean, or median or trimmed, which a bad site cannot spoil.")
    ] = "mean",
    clip: Annotated[
        float, typer.Option(min=0.0, help="Longest update, in median lengths of a round's; 0: any.")
    ] = 1.0,
    arch: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH", show_default=False, help="gru, lstm, transformer or a checkpoint's folder."
        ),
    ] = "",
    vocabulary: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", show_default=False, help="Public texts whose subwords become the vocabulary."
        ),
    ] = None,
    plan: Annotated[
        Path | None, typer.Option(metavar="FILE", show_default=False, help="TOML file with the sites' plan.")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(min=0.0, show_default=False, help="Epochs of a site in a round.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(show_default=False, help="Highest learning rate.")
    ] = None,
    seed: Annotated[int | None, typer.Option(show_default=False, help="Where chance begins.")] = None,
    conversations: Annotated[
        bool, typer.Option("--conversations", help="Take Discord and Slack texts whose rows say consent.")
    ] = False,
    json: AsJson = False,
) -> None:
    """Learn from several sites. Each is a process of its own that gives back changes of weights only."""
    from bot.cli.bar import Bar
    from bot.training.federated.federation import Federation, federate, federated_plan
    from bot.training.loop.plan import read_plan

    federation = Federation(
        task=task,
        sites=site,
        development=dev,
        out=out,
        rounds=rounds,
        architecture=arch,
        vocabulary=vocabulary,
        way=aggregate,
        clip=clip,
        conversations=conversations,
    )
    options = {"epochs": epochs, "learning_rate": learning_rate, "seed": seed}
    chosen = read_plan(federated_plan(federation), plan, options)
    with Bar() as progress:
        report = federate(federation, chosen, progress=progress)
    print_report(report, out, json=json)
