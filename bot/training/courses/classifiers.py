"""How classifiers are learnt: by a network from nothing, from a checkpoint, from a teacher."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.errors import BadInput
from bot.training.checkpoints.classifier import Classifier, longest_text, tokens_of
from bot.training.courses.borrowing import borrow_vectors
from bot.training.courses.classification import Classification
from bot.training.courses.distillation import taught, words_of
from bot.training.courses.language import read_texts
from bot.training.courses.starting import ARCHITECTURES, new_classifier
from bot.training.loop.plan import Plan
from bot.training.loop.request import Request
from bot.training.rows.data import Example, Saying, label_names, read_examples, read_sayings, warn_of_mixture
from bot.training.rows.labels import LABELLINGS
from bot.training.rows.lessons import Lesson
from bot.training.variants.augmentation import BACK_TRANSLATION, Recipe, augmented_rows
from bot.training.variants.paraphrasing import open_translator
from bot.worker.options import WorkerOptions

HELD_OUT = 0.1
NETWORK: Mapping[str, Any] = {
    "vocabulary": 16_000,
    "embedding": 128,
    "hidden": 128,
    "layers": 1,
    "dropout": 0.3,
    "vocab_dropout": 0.1,
    "most_tokens": 0,
    "balance": False,
    "smoothing": 0.0,
    "lora": 0,
    "frozen": [],
    "teacher_share": 0.5,
    "teacher_words": False,
    "teacher_vectors": False,
    "most_sayings": 0,
    "half": False,
    "augment": [],
    "augment_share": 0.3,
    "augment_model": "",
}
"""What a plan may say under `network`. Sizes are those of a network from nothing, `lora` is the rank of
low-rank layers (0 trains all), `frozen` are beginnings of the names of tensors that stay as they are,
`teacher_share` is how much a labelled row believes its teacher, `teacher_words` adds the words it knows,
`teacher_vectors` begins with its vectors of them, `most_sayings` is how many texts of each file it
labels (0: all), `half` saves numbers of 16 bits. `augment` are kinds of altered copies that are learnt from
as well, `augment_share` how many rows get one of each kind, `augment_model` the folder of what translates for
back-translation."""

FROM_NOTHING = Plan(
    epochs=6,
    learning_rate=2e-3,
    schedule="cosine",
    batch_tokens=4096,
    average=0.995,
    network={**NETWORK, "half": True},
)
FINE_TUNING = Plan(epochs=2, learning_rate=8e-5, batch_tokens=1024, network=NETWORK)


def default_plan(request: Request) -> Plan:
    """That of a network from nothing, or of a checkpoint that is fine-tuned."""
    return FROM_NOTHING if _architecture(request) in ARCHITECTURES else FINE_TUNING


def study(request: Request, plan: Plan) -> Classification:
    """Read the rows, ask the teacher, make the network. Raises BadInput and BadModel."""
    _check(request, plan)
    network = plan.network
    train, development = _rows(request, plan.seed)
    labels = label_names(train, LABELLINGS[request.task])
    teacher = Classifier(request.teacher, threads=plan.threads) if request.teacher else None
    rows = _with_copies(_with_teacher(request, plan, train, labels, teacher=teacher), plan)
    model, tokenizer = new_classifier(
        _architecture(request),
        labels,
        network,
        texts=vocabulary_texts(request, plan, [text for text, _ in rows]),
        seed=plan.seed,
    )
    if teacher and network["teacher_vectors"]:
        borrow_vectors(model, tokenizer, teacher)
    _freeze(model, network["frozen"])
    most = network["most_tokens"] or longest_text(model, tokenizer)
    return Classification(
        model,
        tokenizer,
        lessons=_lessons(tokenizer, rows, most),
        development=lessons_of(tokenizer, development, labels, most),
        batch_tokens=plan.batch_tokens,
        seed=plan.seed,
        balance=network["balance"],
        smoothing=network["smoothing"],
        is_half=network["half"],
    )


def vocabulary_texts(request: Request, plan: Plan, own: Sequence[str] = ()) -> Sequence[str]:
    """The texts whose subwords become the vocabulary; none where it is taken over from the built-in model.

    It is where rows are protected, or in other hands, and no public texts are given: a vocabulary of the
    rows' own would tell of them.
    """
    if request.vocabulary:
        return read_texts([request.vocabulary])
    return () if plan.privacy else own


def _architecture(request: Request) -> str:
    return request.architecture or next(iter(ARCHITECTURES))


def _check(request: Request, plan: Plan) -> None:
    if unknown := set(plan.network) - set(NETWORK):
        raise BadInput(f"The plan's network has no {min(unknown)!r}; it has {', '.join(NETWORK)}.")
    if plan.privacy and plan.network["augment"]:
        raise BadInput("A private run cannot augment: a row and its copies would count as several.")
    if plan.privacy and plan.network["balance"]:
        raise BadInput("A private run cannot balance the labels: how many rows have each would be told.")
    if request.sayings and not request.teacher:
        raise BadInput("Texts without labels need a teacher that labels them: the folder of a checkpoint.")


def _rows(request: Request, seed: int) -> tuple[list[Example], list[Example]]:
    labelling = LABELLINGS[request.task]
    train = read_examples(request.data, labelling)
    warn_of_mixture(train)
    if request.development:
        development = read_examples(request.development, labelling)
        known = set(label_names(train, labelling))
        if unknown := {name for each in development for name in each.labels} - known:
            raise BadInput(f"The development rows have a label that no training row has: {min(unknown)!r}.")
        return train, development
    random.Random(seed).shuffle(train)  # noqa: S311 - an order, no secret
    held_out = max(1, round(HELD_OUT * len(train)))
    return train[held_out:], train[:held_out]


def _with_teacher(
    request: Request,
    plan: Plan,
    train: Sequence[Example],
    labels: Sequence[str],
    *,
    teacher: Classifier | None,
) -> list[tuple[str, Sequence[float]]]:
    rows: list[tuple[str, Sequence[float]]] = [(each.text, _shares(each, labels)) for each in train]
    if teacher is None:
        return rows
    share = plan.network["teacher_share"]
    own = [Saying(text, (text,)) for text, _ in rows] if share else []
    words = words_of(teacher) if plan.network["teacher_words"] else []
    groups = LABELLINGS[request.task].groups
    answers = taught(
        teacher, [*own, *_sayings(request, plan), *words], labels, groups=groups, cache=request.out
    )
    blended = [
        (text, [share * soft + (1 - share) * hard for soft, hard in zip(said, gold, strict=True)])
        for (text, gold), (_, said) in zip(rows, answers, strict=False)
    ]
    return [*blended, *answers[len(own) :]] if own else [*rows, *answers]


def _with_copies(rows: list[tuple[str, Sequence[float]]], plan: Plan) -> list[tuple[str, Sequence[float]]]:
    """The rows, and altered copies of some as the plan wants."""
    network = plan.network
    if not network["augment"]:
        return rows
    translator = None
    if BACK_TRANSLATION in network["augment"]:
        folders = [Path(network["augment_model"])] if network["augment_model"] else []
        translator = open_translator(folders, WorkerOptions(), threads=plan.threads)
    recipe = Recipe(network["augment"], seed=plan.seed, translator=translator)
    return augmented_rows(rows, recipe, share=network["augment_share"])


def _sayings(request: Request, plan: Plan) -> list[Saying]:
    """Those of each file, or as many of them as the plan wants, chosen by its seed."""
    most = plan.network["most_sayings"]
    chance = random.Random(plan.seed)  # noqa: S311 - a choice, no secret
    files = {file: read_sayings([file]) for file in request.sayings}
    return [
        saying
        for sayings in files.values()
        for saying in (chance.sample(sayings, most) if most and most < len(sayings) else sayings)
    ]


def _shares(example: Example, labels: Sequence[str]) -> list[float]:
    return [example.labels.count(label) / len(example.labels) for label in labels]


def _lessons(tokenizer: Any, rows: Sequence[tuple[str, Sequence[float]]], most: int) -> list[Lesson]:
    tokens = tokens_of(tokenizer, [text for text, _ in rows], most)
    return [Lesson(each, shares) for each, (_, shares) in zip(tokens, rows, strict=True) if each]


def lessons_of(
    tokenizer: Any, examples: Sequence[Example], labels: Sequence[str], most_tokens: int
) -> list[Lesson]:
    """Labelled rows as a network learns them; those without any token are left out."""
    return _lessons(tokenizer, [(each.text, _shares(each, labels)) for each in examples], most_tokens)


def _freeze(model: Any, beginnings: Sequence[str]) -> None:
    for beginning in beginnings:
        chosen = [value for name, value in model.named_parameters() if name.startswith(beginning)]
        if not chosen:
            raise BadInput(f"No tensor's name begins with {beginning!r}, so it cannot be frozen.")
        for value in chosen:
            value.requires_grad_(False)
