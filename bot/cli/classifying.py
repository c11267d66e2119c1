"""What the commands about labels share: the task, the model, and how both are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from bot.settings import Settings
    from bot.training.checkpoints.classifier import Classifier
    from bot.training.measures.measuring import Labeller

Task = Annotated[
    str, typer.Argument(metavar="TASK", help="What is told: sentiment, toxicity, emotion, intents or langid.")
]
Model = Annotated[
    str,
    typer.Option(
        "--model", metavar="NAME|PATH", help="Another model than the task's own.", show_default=False
    ),
]


def open_classifier(task: str, model: str, settings: Settings) -> Classifier:
    """The model of a task, or another one, loaded in this process."""
    from bot.training.checkpoints.choosing import chosen_folder
    from bot.training.checkpoints.classifier import Classifier

    return Classifier(chosen_folder(task, model, settings), threads=settings.worker.threads or 1)


def open_labeller(task: str, model: str, settings: Settings) -> Labeller:
    """The same, or a graph without weights that torch could load, by the worker's engine."""
    from bot.training.checkpoints.choosing import chosen_folder
    from bot.training.checkpoints.served import Served
    from bot.worker.checkpoint import graph_of

    folder = chosen_folder(task, model, settings)
    if not graph_of(folder):
        return open_classifier(task, model, settings)
    return Served(folder, threads=settings.worker.threads or 1)
