"""What each classification task calls its labels, and how rows name them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bot.errors import BadInput

POSITIVE = "positive"
NEUTRAL = "neutral"
NEGATIVE = "negative"

# After the grouping of GoEmotions (Demszky et al., 2020). Its fourth group, ambiguous emotions, is left
# out, save for curiosity: to ask is neither.
EMOTIONS = {
    POSITIVE: "admiration amusement approval caring desire excitement gratitude joy love optimism pride "
    "relief",
    NEUTRAL: "neutral curiosity",
    NEGATIVE: "anger annoyance disappointment disapproval disgust embarrassment fear grief nervousness "
    "remorse sadness",
}
SENTIMENTS = {emotion: label for label, emotions in EMOTIONS.items() for emotion in emotions.split()}
# A stand-in for what people call toxic, where nobody was asked: to be hostile, not to disagree.
HOSTILE = ("anger", "annoyance", "disgust")
UNCLEAR = "confusion realization surprise"
MANNERS = dict.fromkeys([*SENTIMENTS, *UNCLEAR.split()], "ok") | dict.fromkeys(HOSTILE, "toxic")


@dataclass(frozen=True, slots=True)
class Labelling:
    """How a row says its label.

    `field` holds a label or a list of them. `labels` are those there can be, in their order; any when
    empty. `groups` says which label a name in a list counts for; what it does not know is ambiguous.
    """

    field: str = "label"
    labels: tuple[str, ...] = ()
    groups: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def grouped(self, names: Iterable[str]) -> tuple[str, ...]:
        """The labels that the names of a row stand for. Something beats neutral; opposites stay both."""
        if not self.groups:
            return tuple(names)
        found = {label for name in names if (label := self.groups.get(name))}
        return tuple(sorted(found - {NEUTRAL} or found))


LABELLINGS = {
    "sentiment": Labelling(labels=(NEGATIVE, NEUTRAL, POSITIVE), groups=SENTIMENTS),
    "toxicity": Labelling(labels=("ok", "toxic"), groups=MANNERS),
    "emotion": Labelling("labels"),
    "intents": Labelling(),
    "langid": Labelling("lang"),
}


def shares_of(names: Sequence[str], labels: Sequence[str], groups: Mapping[str, str]) -> list[list[float]]:
    """How a teacher's labels count for others: a row for each of its, 1 at the label it stands for.

    Where the teacher has the same labels, each stands for itself. Raises BadInput when a label is stood
    for by none.
    """
    meant = {name: name if name in labels else groups.get(name, "") for name in names}
    if missing := set(labels) - set(meant.values()):
        raise BadInput(
            f"The teacher has nothing that stands for {min(missing)!r}. It knows {', '.join(names)}."
        )
    return [[float(meant[name] == label) for label in labels] for name in names]
