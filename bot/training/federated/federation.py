"""Learn one model from the rows of several sites, none of which shows them (federated averaging)."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from bot.errors import BadInput
from bot.training.checkpoints.classifier import load_checkpoint, longest_text
from bot.training.courses.classification import Classification
from bot.training.courses.classifiers import FROM_NOTHING, default_plan, lessons_of
from bot.training.courses.language import read_texts
from bot.training.courses.starting import ARCHITECTURES, new_classifier
from bot.training.federated.aggregation import aggregate, check_way, is_sound
from bot.training.federated.site import Site, Task, weights_of
from bot.training.loop import state
from bot.training.loop.card import Card, write_card
from bot.training.loop.curves import draw_curves
from bot.training.loop.plan import Plan
from bot.training.loop.progress import Progress, Report, Row
from bot.training.loop.request import Request
from bot.training.rows.data import label_names, read_examples
from bot.training.rows.labels import LABELLINGS
from bot.training.rows.provenance import Gate, Origin
from bot.training.working import command

FIRST = "first"
UNTOLD = "not told"


@dataclass(frozen=True, slots=True)
class Federation:
    """What is asked: a task, the files that only their sites open, and how updates become one.

    `architecture` is a name or a checkpoint's folder, `vocabulary` a file of public texts; without either
    the vocabulary is that of the built-in model. `clip` is in median lengths of a round's updates.
    """

    task: str
    sites: Sequence[Path]
    development: Path
    out: Path
    rounds: int
    architecture: str = ""
    vocabulary: Path | None = None
    way: str = "mean"
    clip: float = 1.0
    conversations: bool = False

    @property
    def identity(self) -> dict[str, str]:
        """What makes two runs the same one."""
        return {
            "task": self.task,
            "architecture": self.architecture,
            "sites": ", ".join(map(str, self.sites)),
            "aggregate": f"{self.way}, clipped at {self.clip:g}",
        }


@dataclass(slots=True)
class _Place:
    """How far a run is."""

    round: int = 0
    seconds: float = 0.0
    left_out: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def federated_plan(federation: Federation) -> Plan:
    """How a site learns in a round: one epoch, with the rates of the whole run."""
    asked = Request(federation.task, [], federation.out, architecture=federation.architecture)
    return default_plan(asked).changed({"epochs": 1, "average": 0.0})


def federate(federation: Federation, plan: Plan, *, progress: Progress) -> Report:
    """Learn in rounds; the best checkpoint, its curves and its card lie in `federation.out`.

    Each site learns in a process of its own, the only one that opens its file. What comes back are
    numbers of rows, losses and changes of weights. Changes that are not finite or of another shape are
    left out. A run that was interrupted goes on after its last whole round. Raises BadInput.
    """
    _check(federation, plan)
    development = Gate(conversations=federation.conversations).admit([federation.development])
    first = _first_checkpoint(federation, plan)
    study = known_study(federation.task, federation.development, first, plan)
    run = _Run(federation, plan, study, progress)
    if run.is_done:
        return run.report()
    with _sites(federation, plan, first) as sites:
        report = run.go(sites)
        data = [_origin(site) for site in sites]
    origins, left_out = (data, development), run.place.left_out
    _describe(federation, plan, study, report, origins=origins, left_out=left_out)
    return report


def known_study(task: str, file: Path, checkpoint: Path, plan: Plan) -> Classification:
    """The rows of a file, to learn from or to measure on, with a checkpoint whose labels they have."""
    examples = read_examples([file], LABELLINGS[task])
    model, tokenizer = load_checkpoint(checkpoint)
    labels = [model.config.id2label[each] for each in range(model.config.num_labels)]
    if unknown := {name for each in examples for name in each.labels} - set(labels):
        raise BadInput(
            f"{file}: the label {min(unknown)!r} was not agreed on. Those are: {', '.join(labels)}."
        )
    most = plan.network["most_tokens"] or longest_text(model, tokenizer)
    lessons = lessons_of(tokenizer, examples, labels, most)
    return Classification(
        model,
        tokenizer,
        lessons=lessons,
        development=lessons,
        batch_tokens=plan.batch_tokens,
        seed=plan.seed,
        smoothing=plan.network["smoothing"],
        is_half=plan.network["half"],
    )


class _Run:
    """The rounds: ask all sites, aggregate, measure, keep the best."""

    def __init__(self, federation: Federation, plan: Plan, study: Classification, progress: Progress) -> None:
        self._federation, self._plan, self._study, self._progress = federation, plan, study, progress
        self._identity = {**federation.identity, "seed": str(plan.seed)}
        self.place = _Place()
        self._resume()

    @property
    def is_done(self) -> bool:
        """Whether no round is left."""
        return self.place.round >= self._federation.rounds

    def go(self, sites: Sequence[Site]) -> Report:
        """Learn the rounds that are left."""
        self._progress.begin(self.place.round, self._federation.rounds)
        while not self.is_done:
            self._round(sites)
        return self.report()

    def report(self) -> Report:
        """How it went so far."""
        rows = tuple(Row(**row) for row in self.place.history)
        return Report(rows, rows[self._best()], self.place.round, round(self.place.seconds, 1), False)

    def _round(self, sites: Sequence[Site]) -> None:
        begun, place = time.monotonic(), self.place
        weights = weights_of(self._study.model)
        for site in sites:
            site.ask(place.round, weights)
        answers = [(site, *site.answer()) for site in sites]
        sound = [each for each in answers if is_sound(each[1], weights)]
        self._leave_out([site.name for site, update, _ in answers if not is_sound(update, weights)])
        way, clip = self._federation.way, self._federation.clip
        check_way(way, len(sound))
        change = aggregate([each[1] for each in sound], [each[0].rows for each in sound], way=way, clip=clip)
        self._study.model.load_state_dict({n: weights[n] + change[n] for n in weights}, strict=False)
        place.round += 1
        place.seconds += time.monotonic() - begun
        self._measure(sum(loss for *_, loss in sound) / len(sound))

    def _leave_out(self, names: Sequence[str]) -> None:
        self.place.left_out += len(names)
        for name in names:
            self._progress.say(f"Round {self.place.round + 1}: the update of {name} is broken; left out.")

    def _measure(self, loss: float) -> None:
        place, out = self.place, self._federation.out
        with torch.no_grad():
            metrics = self._study.validate()
        row = Row(float(place.round), place.round, round(loss, 6), metrics, round(place.seconds, 1))
        place.history.append(asdict(row))
        is_best = self._best() == len(place.history) - 1
        if is_best:
            state.save_best(out, self._study.save)
        state.save_state(
            out, {"weights": weights_of(self._study.model), "place": asdict(place)}, self._identity
        )
        state.write_json(out / "history.json", place.history)
        state.write_text(out / "curves.svg", draw_curves(place.history))
        self._progress.row(row, is_best=is_best)
        self._progress.step(place.round, self._federation.rounds, loss=loss)

    def _best(self) -> int:
        scores = [row["metrics"][self._study.score] for row in self.place.history]
        return scores.index(max(scores))

    def _resume(self) -> None:
        saved = state.load_state(self._federation.out, self._identity)
        if saved is None:
            return
        self.place = _Place(**saved["place"])
        self._study.model.load_state_dict(saved["weights"], strict=False)
        self._progress.say(f"Going on after {self.place.round} rounds.")


def _check(federation: Federation, plan: Plan) -> None:
    if federation.task not in LABELLINGS:
        raise BadInput(f"Sites learn to label texts: the task is one of {', '.join(LABELLINGS)}.")
    check_way(federation.way, len(federation.sites))
    if federation.rounds < 1 or federation.clip < 0:
        raise BadInput("There must be a round at least, and clip must not be below 0.")
    if plan.privacy or plan.network["balance"] or plan.network["lora"]:
        raise BadInput("A federated run has no [privacy], and neither balance nor lora in [network].")
    if unknown := set(plan.network) - set(FROM_NOTHING.network):
        raise BadInput(f"The plan's network has no {min(unknown)!r}.")


def _first_checkpoint(federation: Federation, plan: Plan) -> Path:
    """What all sites begin with: made of public texts or of a checkpoint, with the labels agreed on."""
    folder = federation.out / state.LAST / FIRST
    if (federation.out / state.LAST / state.STATE).exists() and folder.exists():
        return folder
    model, tokenizer = new_classifier(
        federation.architecture or ARCHITECTURES[0],
        _labels(federation),
        plan.network,
        texts=read_texts([federation.vocabulary]) if federation.vocabulary else (),
        seed=plan.seed,
    )
    state.make_folder(federation.out, sum(each.numel() for each in model.parameters()))
    shutil.rmtree(folder, ignore_errors=True)
    with state.written(folder):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    return folder


def _labels(federation: Federation) -> Sequence[str]:
    """Those of the task, else those of the rows measured on, which all may see."""
    labelling = LABELLINGS[federation.task]
    return labelling.labels or label_names(read_examples([federation.development], labelling), labelling)


@contextmanager
def _sites(federation: Federation, plan: Plan, first: Path) -> Iterator[list[Site]]:
    with ExitStack() as stack:
        sites = []
        for number, file in enumerate(federation.sites, start=1):
            task = Task(
                federation.task, file, first, plan, federation.rounds, conversations=federation.conversations
            )
            sites.append(stack.enter_context(closing(Site(f"site {number}", task))))
        for site in sites:
            site.begin()
        yield sites


def _origin(site: Site) -> Origin:
    return Origin(site.name, UNTOLD, site.rows, UNTOLD, UNTOLD, UNTOLD)


def _describe(
    federation: Federation,
    plan: Plan,
    study: Classification,
    report: Report,
    *,
    origins: tuple[Sequence[Origin], Sequence[Origin]],
    left_out: int,
) -> None:
    data, development = origins
    examined: Mapping[str, float] = {"sites": len(data), "rounds": report.steps, "updates left out": left_out}
    write_card(
        federation.out,
        Card(
            task=federation.task,
            architecture=type(study.model).__name__,
            parameters=sum(each.numel() for each in study.model.parameters()),
            command=command(sys.argv),
            plan=plan,
            report=report,
            data=data,
            development=development,
            examined=examined,
        ),
    )
