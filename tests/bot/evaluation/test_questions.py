"""Answers are held against the right ones: the words in bold where a reply begins with some."""

import json

import pytest

from bot.errors import BadInput
from bot.evaluation.questions import answer_of, evaluate_reader
from bot.message import Reply
from bot.testing.fakes import FakeModels


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("**Maria Falk** [1]\n\nIt was built by Maria Falk. [1]", "Maria Falk"),
        ("It was built by Maria Falk. [1]", "It was built by Maria Falk."),
        ("It was **Maria** [1]", "It was **Maria**"),
    ],
)
def test_the_answer_of_a_reply(text, answer):
    assert answer_of(Reply(text)) == answer


async def test_the_reader_is_held_against_all_right_answers(tmp_path):
    # The fake reader answers with the first word of the passage that the question does not have.
    rows = [
        {"question": "who sings ?", "context": "anna sings", "answers": ["bob", "Anna"]},
        {"question": "who sings ?", "context": "anna sings", "answers": ["anna berg"]},
        {"question": "who sings ?", "context": "anna sings", "answers": ["bob"]},
        {"question": "who sings ?", "context": "who sings", "answers": []},
    ]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    figures = await evaluate_reader(FakeModels(), file)
    assert (figures.exact_match, figures.f1, figures.answered, figures.n) == (50.0, 66.67, 0.75, 4)
    file.write_text("{}\n")
    with pytest.raises(BadInput, match="line 1"):
        await evaluate_reader(FakeModels(), file)
