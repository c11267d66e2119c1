"""Whether a version may go live: gates of figures and of bias, against what is live on the same rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bot.errors import BadInput
from bot.evaluation.bias import LEAST, gaps
from bot.evaluation.classification import Answers, measure_labels
from bot.evaluation.identities import identity_terms, terms_in
from bot.models import Models, Task
from bot.training.measures.comparison import RESAMPLES, compare
from bot.training.measures.trial import answers_of, candidate_role
from bot.training.rows.data import Example, numbered_rows, read_examples
from bot.training.rows.labels import LABELLINGS, Labelling

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bot.evaluation.bias import Flags
    from bot.training.checkpoints.classifier import Advance

HARMFUL = {"toxicity": "toxic", "sentiment": "negative"}
"""The label of a role that does harm to whoever gets it without cause."""
COLUMNS = ("identity", "term", "target", "group")
"""Columns of rows that may name the group that a text is about."""
LEAST_ROWS = 100
SEED = 1
REAL = 0.05


@dataclass(frozen=True, slots=True)
class Gate:
    """A number that decides: the version's, the live model's, and what was wanted of it.

    `p` is how likely chance alone makes such a difference, where that was asked.
    """

    name: str
    value: float
    live: float | None
    wanted: str
    passed: bool
    p: float | None = None

    def shown(self) -> dict[str, Any]:
        """As JSON can say it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Verdict:
    """All gates, and the figures of the version by the file they were measured on."""

    gates: tuple[Gate, ...]
    figures: Mapping[str, Mapping[str, Any]]

    @property
    def passed(self) -> bool:
        """Whether every gate did."""
        return all(each.passed for each in self.gates)

    @property
    def failed(self) -> str:
        """Which did not, in words."""
        return "; ".join(_in_words(each) for each in self.gates if not each.passed)

    def shown(self) -> dict[str, Any]:
        """As JSON can say it."""
        return {"gates": [each.shown() for each in self.gates], "figures": dict(self.figures)}


async def judge_version(
    models: Models,
    role: str,
    file: Path,
    slices: Sequence[Path],
    *,
    floors: Mapping[str, float],
    advance: Callable[[str], Advance] | None = None,
) -> Verdict:
    """Ask what is live and the version beside it the same rows, and hold their figures against each other.

    Without `floors` no figure may be really lower than the live model's; with them each of theirs must be
    reached instead. On `slices` no false-positive gap may be really larger. Raises BadInput.
    """
    has_live = role in models.roles()
    if not has_live and (slices or not floors):
        raise BadInput(
            f"Nothing is live in {role} to compare with. Say what is enough, such as "
            "--at-least macro_f1=0.75, and leave out --slices."
        )
    examples = read_examples([file], labelling_of(role))
    if not floors and len(examples) < LEAST_ROWS:
        raise BadInput(
            f"{file}: {len(examples)} rows tell nothing of a difference. Give {LEAST_ROWS} or more, better "
            "a thousand."
        )
    version = await answers_of(models, candidate_role(role), examples, advance=advance and advance("version"))
    live = await answers_of(models, role, examples, advance=advance and advance("live")) if has_live else None
    figures = figures_of(examples, version)
    gates = floor_gates(figures, floors) if floors else []
    if live and not floors:
        gates = figure_gates(live, version)
    measured = {file.name: figures}
    for each in slices:
        found, summed = await slice_gates(models, role, each)
        gates += found
        measured[each.name] = summed
    return Verdict(tuple(gates), measured)


def check_measurable(role: str, task: str) -> None:
    """Raise BadInput for a role that does not classify: its rows are of another kind."""
    if task != Task.CLASSIFICATION:
        raise BadInput(
            f"Only models that classify are measured here, and {role} asks for {task}. Measure it with "
            "parley evaluate, then promote it with --force REASON."
        )


def labelling_of(role: str) -> Labelling:
    """How rows of a role say their label."""
    return LABELLINGS.get(role, Labelling())


def figures_of(examples: Sequence[Example], answers: Answers) -> dict[str, Any]:
    """The figures that are noted: numbers alone, no text."""
    found = measure_labels([each.text for each in examples], answers)
    figures = {name: getattr(found, name) for name in ("accuracy", "macro_f1", "auc", "ece", "n")}
    return {name: value for name, value in figures.items() if value is not None}


def figure_gates(live: Answers, version: Answers) -> list[Gate]:
    """Accuracy and macro-F1: neither may be really lower than the live model's (paired bootstrap)."""
    return [
        Gate(
            name,
            each.second,
            each.first,
            "not really below live",
            passed=not (each.is_real and each.difference < 0),
            p=each.p,
        )
        for name, each in compare(live, version).items()
    ]


def floor_gates(figures: Mapping[str, Any], floors: Mapping[str, float]) -> list[Gate]:
    """Figures that must be reached. Raises BadInput for one that was not measured."""
    if unknown := sorted(floors.keys() - figures.keys()):
        raise BadInput(f"There is no figure {unknown[0]!r} here. There is: {', '.join(figures)}.")
    return [
        Gate(name, figures[name], None, f"at least {floor:g}", passed=figures[name] >= floor)
        for name, floor in floors.items()
    ]


async def slice_gates(models: Models, role: str, file: Path) -> tuple[list[Gate], dict[str, Any]]:
    """The gates of a file of rows about groups of people, and its sums. Raises BadInput."""
    harmful = HARMFUL.get(role)
    if harmful is None:
        raise BadInput(f"Slices are for {' and '.join(HARMFUL)}: {role} has no label that does harm.")
    examples = read_examples([file], labelling_of(role))
    groups = groups_of(file, examples)
    live = await answers_of(models, role, examples)
    version = await answers_of(models, candidate_role(role), examples)
    gold = np.array([harmful in each.labels for each in examples])
    scores = [_scores(each, harmful) for each in (live, version)]
    before, after = (gaps(gold, each, groups) for each in scores)
    known = [groups[each.term] & ~gold for each in before.terms if each.fpr is not None]
    flags = [each >= 0.5 for each in scores]
    if not known:
        raise BadInput(f"{file}: no group of people is named in {LEAST} harmless rows or more.")
    names: dict[str, Callable[[Any], Any]] = {"worst_fpr_gap": np.max, "fpr_gaps": np.mean}
    gates = [
        _gap_gate(f"{name} of {file.name}", flags, ~gold, known, summed=summed)
        for name, summed in names.items()
    ]
    summed = asdict(after)
    summed.pop("terms")
    return gates, summed | {"live_worst_fpr_gap": before.worst_fpr_gap}


def groups_of(file: Path, examples: Sequence[Example]) -> dict[str, Flags]:
    """Which rows are about which group: by a column that names it, else by the words of the text.

    Raises BadInput when no group has enough rows.
    """
    named = _named_groups(file)
    if len(named) != len(examples):
        terms = identity_terms()
        named = [terms_in(each.text, terms) for each in examples]
    known = sorted({term for each in named for term in each})
    found = {term: np.array([term in each for each in named]) for term in known}
    enough = {term: rows for term, rows in found.items() if rows.sum() >= LEAST}
    if not enough:
        raise BadInput(f"{file}: no group of people is named in {LEAST} rows or more.")
    return enough


def _named_groups(file: Path) -> list[list[str]]:
    """What the rows' own column says; nothing unless every row has one."""
    rows = [row for _, row in numbered_rows(file)]
    column = next((name for name in COLUMNS if all(isinstance(row.get(name), str) for row in rows)), None)
    return [[str(row[column])] for row in rows] if column else []


def _gap_gate(
    name: str,
    flags: Sequence[NDArray[np.bool_]],
    harmless: NDArray[np.bool_],
    groups: Sequence[NDArray[np.bool_]],
    *,
    summed: Callable[[Any], Any],
) -> Gate:
    """Whether harmless texts of groups are flagged more than others, really more than by the live model."""
    members = np.array([harmless, *groups], dtype=np.float32)
    chance = np.random.default_rng(SEED)

    def gap(flagged: NDArray[np.bool_], counts: Any) -> float:
        weights = members * counts
        rates = (weights @ flagged) / np.maximum(weights.sum(1), 1)
        return float(summed(np.abs(rates[1:] - rates[0])))

    whole = np.ones(len(harmless), dtype=np.float32)
    live, version = (gap(each, whole) for each in flags)
    above = 0
    for _ in range(RESAMPLES):
        drawn = np.bincount(chance.integers(len(whole), size=len(whole)), minlength=len(whole))
        above += gap(flags[1], drawn) <= gap(flags[0], drawn)
    p = min(1.0, 2 * (above + 1) / (RESAMPLES + 1))
    passed = version <= live or p >= REAL
    return Gate(
        name, round(version, 4), round(live, 4), "not really above live", passed=passed, p=round(p, 4)
    )


def _scores(answers: Answers, harmful: str) -> Any:
    """The probability of the label that does harm."""
    if harmful not in answers.labels:
        raise BadInput(f"The model has no label {harmful!r}, which slices ask for.")
    return answers.probabilities[:, list(answers.labels).index(harmful)]


def _in_words(gate: Gate) -> str:
    live = "" if gate.live is None or math.isnan(gate.live) else f", live {gate.live:.4f}"
    chance = "" if gate.p is None else f", p {gate.p:.4f}"
    return f"{gate.name} is {gate.value:.4f}, wanted: {gate.wanted}{live}{chance}"
