"""The card of a checkpoint: what it is, what it was made of and how, what it can do, and what it cannot."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from bot.training.loop.plan import TABLES, Plan
from bot.training.loop.progress import Report
from bot.training.loop.state import write_text
from bot.training.rows.provenance import Origin
from bot.training.rows.sums import sha256_of

LIBRARIES = ("parley", "torch", "transformers", "tokenizers", "safetensors")
SUMMED = ("model.safetensors", "config.json", "tokenizer.json")
LIMITS = {
    "translation": (
        "A small network that has seen short sentences of everyday life. Long sentences, names, numbers and "
        "specialised words come out wrong more often than not, and it does not know when it is wrong. Offer "
        "its output as a first reading, never as a text to rely on. It takes one sentence at a time."
    ),
    "language": "It continues text in the manner of what it has read, true or not, and with its prejudices.",
}
GENERAL_LIMITS = (
    "It errs, most of all on texts unlike those above. Measure it on rows of your own before use."
)


@dataclass(frozen=True, slots=True)
class Card:
    """All that a card says. `examined` are figures of the kept checkpoint that are measured at the end."""

    task: str
    architecture: str
    parameters: int
    command: Sequence[str]
    plan: Plan
    report: Report
    data: Sequence[Origin]
    development: Sequence[Origin]
    examined: Mapping[str, float]


def write_card(folder: Path, card: Card) -> None:
    """Write README.md beside a checkpoint. Raises BadInput when it cannot be written."""
    write_text(folder / "README.md", _text(folder, card))


def machine() -> str:
    """What computed, without a name."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {device}"


def _text(folder: Path, card: Card) -> str:
    report = card.report
    sections = {
        f"A model for {card.task}": f"{card.architecture}, {card.parameters / 1e6:.2f} million parameters.",
        "Learnt from": _origins(card.data),
        "Measured on": _origins(card.development) if card.development else "Rows held out of the above.",
        "Figures": _figures(card),
        **({"Privacy": _privacy(report.privacy)} if report.privacy else {}),
        "Limits": LIMITS.get(card.task, GENERAL_LIMITS),
        "How it was made": (
            f"```sh\n{shlex.join(card.command)}\n```\n\n```toml\n{_toml(card.plan)}```\n\n"
            f"{report.steps} steps in {report.seconds / 60:.0f} minutes, chance from seed {card.plan.seed}; "
            f"the checkpoint is that after {report.best.step} steps. {machine()}; Python "
            f"{platform.python_version()}, {', '.join(f'{each} {version(each)}' for each in LIBRARIES)}."
        ),
        "Files": _table(
            ("file", "bytes", "sha256"),
            [
                (name, str((folder / name).stat().st_size), f"`{sha256_of(folder / name)}`")
                for name in SUMMED
                if (folder / name).is_file()
            ],
        ),
    }
    title, *rest = sections
    parts = [f"# {title}\n\n{sections[title]}", *(f"## {name}\n\n{sections[name]}" for name in rest)]
    return "\n\n".join(parts) + "\n"


def _origins(origins: Sequence[Origin]) -> str:
    rows = [
        (each.file, str(each.rows), each.source, each.licence, each.consent, f"`{each.sha256}`")
        for each in origins
    ]
    table = _table(("file", "rows", "source", "licence", "consent", "sha256"), rows)
    if all(each.is_open for each in origins):
        return table
    return f"{table}\n\nNot all of it may be given away: keep the weights, or ask."


def _figures(card: Card) -> str:
    best = card.report.best
    rows = [(name, f"{value:.4g}") for name, value in {**best.metrics, **card.examined}.items()]
    end = _end(card.report, card.plan)
    said = f"Measured as the run went, after {best.epoch:.2f} epochs; {end}. Curves: curves.svg."
    return _table(("figure", "value"), rows) + f"\n\n{said}"


def _privacy(spent: Mapping[str, float]) -> str:
    return (
        f"Learnt with differential privacy: epsilon {spent['epsilon']:.4g} at delta {spent['delta']:.0e}, "
        "for any one row of those learnt from. Each row's gradient was cut to a length of "
        f"{spent['clip_each']:g}, and noise of {spent['noise']:.4g} times that added to their sum.\n\n"
        "This holds for the weights. It does not hold for the number of rows, the names of the labels, the "
        "losses in history.json and curves.svg, last/, and the rows measured on: give away the files named "
        "below alone. Who wrote many rows is protected less."
    )


def _end(report: Report, plan: Plan) -> str:
    if report.stopped_early:
        return "it ended because nothing improved any more"
    done = report.history[-1].epoch
    return "the plan was done" if done >= plan.epochs else f"it was stopped after {done:.2f} epochs or more"


def _toml(plan: Plan) -> str:
    values = asdict(plan)
    tables = {name: values.pop(name) for name in TABLES}
    lines = [f"{name} = {_value(value)}" for name, value in values.items()]
    for table in (name for name in TABLES if tables[name]):
        lines += ["", f"[{table}]", *(f"{name} = {_value(value)}" for name, value in tables[table].items())]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(each) for each in value) + "]"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(heads), line(["---"] * len(heads)), *map(line, rows)])
