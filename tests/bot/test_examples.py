"""Labels from a few examples each."""

import numpy as np
import pytest

from bot.errors import BadInput, WorkerUnavailable
from bot.examples import ExampleClassifier, fit, softmax
from bot.testing import FakeModels

EXAMPLES = {
    "billing": ["refund my invoice please", "the invoice is wrong", "charge on my card"],
    "technical": ["the app crashes at start", "screen stays black", "app does not start"],
}


async def test_texts_get_the_label_of_what_they_are_like() -> None:
    classifier = ExampleClassifier(FakeModels(), EXAMPLES)
    billing, technical = await classifier.classify(["my invoice has a wrong charge", "the app stays black"])
    assert (billing.labels.label, technical.labels.label) == ("billing", "technical")
    assert billing.example in EXAMPLES["billing"]
    assert sum(each for _, each in billing.labels.probabilities) == pytest.approx(1, abs=1e-5)


async def test_what_is_like_nothing_has_a_low_score() -> None:
    classifier = ExampleClassifier(FakeModels(), EXAMPLES)
    close, far = await classifier.classify(["the invoice is wrong", "penguins swim under ice"])
    assert close.score == pytest.approx(1)
    assert far.score < 0.2


async def test_examples_are_embedded_once() -> None:
    models = FakeModels()
    classifier = ExampleClassifier(models, EXAMPLES)
    await classifier.classify(["one"])
    await classifier.classify(["two"])
    assert [len(each) for each in models.asked] == [7, 1]


async def test_without_models_the_failure_is_told_and_the_next_call_fits() -> None:
    models = FakeModels()
    models.down = True
    classifier = ExampleClassifier(models, EXAMPLES)
    with pytest.raises(WorkerUnavailable):
        await classifier.classify(["refund"])
    models.down = False
    assert (await classifier.classify(["refund"]))[0].labels.label == "billing"


@pytest.mark.parametrize("examples", [{}, {"one": ["a"]}, {"one": ["a"], "two": []}])
def test_too_few_examples_are_refused(examples: dict[str, list[str]]) -> None:
    with pytest.raises(BadInput, match="two labels"):
        ExampleClassifier(FakeModels(), examples)


def test_a_label_with_many_examples_does_not_win_by_their_number() -> None:
    generator = np.random.default_rng(3)
    directions = np.eye(2, 16, dtype=np.float32)
    rows = np.repeat(directions, [40, 2], axis=0) + generator.normal(0, 0.05, (42, 16)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    head = fit(rows, np.repeat([0, 1], [40, 2]), labels=2)
    assert softmax(directions @ head).argmax(axis=1).tolist() == [0, 1]
    middle = (directions.sum(axis=0) / np.sqrt(2))[None]
    assert abs(float(softmax(middle @ head)[0, 0]) - 0.5) < 0.1
