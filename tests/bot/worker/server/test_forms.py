import numpy as np
import pytest

from bot.errors import BadInput
from bot.message import Priority
from bot.models import Task
from bot.worker.server.forms import FORMS, LONGEST_TEXT, pack_nearness
from bot.worker.server.role import Ask


def ask(*texts):
    return Ask(texts, b"", Priority.PERSON, 1e9)


def test_vectors_travel_as_bytes():
    form = FORMS[Task.EMBEDDING]
    rows = [form.check(np.array([1, 2], dtype=np.float64)), form.check([3.0, 4.0])]
    fields, body = form.pack(rows)
    assert fields == {"shape": [2, 2]}
    assert np.frombuffer(body, dtype="<f4").tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("task", "garbage"),
    [
        (Task.EMBEDDING, [float("nan"), 0.0]),
        (Task.EMBEDDING, [float("inf")]),
        (Task.EMBEDDING, ["a"]),
        (Task.CLASSIFICATION, ([], [])),
        (Task.CLASSIFICATION, ([("good", float("nan"))], [])),
        (Task.CLASSIFICATION, ([("good", 1.5)], [])),
        (Task.CLASSIFICATION, ([("good", 1.0)], [(0, 1, float("inf"))])),
        (Task.CLASSIFICATION, None),
        (Task.EXTRACTION, (5, 2, 0.5)),
        (Task.EXTRACTION, (-1, 2, 0.5)),
        (Task.EXTRACTION, (1, 2, float("nan"))),
        (Task.RERANKING, float("nan")),
        (Task.RERANKING, 7.0),
        (Task.SUMMARIZATION, None),
        (Task.TRANSLATION, b"bytes"),
    ],
)
def test_garbage_is_not_passed_on(task, garbage):
    with pytest.raises((ValueError, TypeError)):
        FORMS[task].check(garbage)


def test_labels_keep_their_order_and_rounding_errors_are_forgiven():
    form = FORMS[Task.CLASSIFICATION]
    value = form.check(((("good", np.float32(1.0000001)), ("bad", -1e-9)), ((0, 4, -0.25),)))
    assert value == ([["good", 1.0], ["bad", 0.0]], [[0, 4, -0.25]])
    assert form.pack([value, value])[0]["values"]["labels"] == [value[0], value[0]]
    assert form.pack([value])[0]["values"]["words"] == [[[0, 4, -0.25]]]


def test_an_endless_text_is_cut_and_half_characters_are_replaced():
    form = FORMS[Task.TRANSLATION]
    assert len(form.check("ha" * 10**6)) == LONGEST_TEXT
    assert form.check("a\ud800b") == "a?b"
    assert form.pack(["a", "b"]) == ({"values": {"texts": ["a", "b"]}}, b"")


def test_a_question_stands_beside_each_passage():
    form = FORMS[Task.EXTRACTION]
    assert form.inputs(ask("why", "a", "b")) == [("why", "a"), ("why", "b")]
    with pytest.raises(BadInput):
        form.inputs(ask())
    assert form.pack([[0, 3, 0.5]]) == ({"values": {"spans": [[0, 3, 0.5]]}}, b"")


def test_nearness_is_the_cosine_from_0_to_1():
    rows = [FORMS[Task.EMBEDDING].check(each) for each in ([1, 0], [0.6, 0.8], [-1, 0], [1, 0])]
    assert pack_nearness(rows) == ({"values": {"scores": [0.6, 0.0, 1.0]}}, b"")
