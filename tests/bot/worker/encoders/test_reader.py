"""Answers: the best span of all there are, over windows too, and none where none is better."""

import itertools

import numpy as np
import pytest

from bot.worker.encoders.reader import MOST_ANSWER_TOKENS, Reader, choose, find
from bot.worker.encoders.windows import Window

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PASSAGE = "the cat sat on the mat . the dog was great ."


@pytest.fixture(scope="module")
def reader(reader_folder, entry_of):
    return Reader(entry_of(reader_folder), 1)


def ends_of(folder, window):
    model = transformers.AutoModelForQuestionAnswering.from_pretrained(folder)
    with torch.inference_mode():
        output = model(input_ids=torch.tensor([window.tokens]), token_type_ids=torch.tensor([window.types]))
    return torch.stack([output.start_logits[0], output.end_logits[0]]).double()


def test_it_is_the_best_of_all_spans(reader, reader_folder):
    (member,) = reader.tokenize([("who sat ?", PASSAGE)])
    (window,) = member.windows
    assert set(window.types) == {0, 1}
    starts, stops = ends_of(reader_folder, window)
    own = [place for place, span in enumerate(window.spans) if span]
    spans = {
        (first, last): float(starts[first] + stops[last])
        for first, last in itertools.product(own, own)
        if first <= last < first + MOST_ANSWER_TOKENS
    }
    nothing = float(starts[0] + stops[0])
    (first, last), score = max(spans.items(), key=lambda each: each[1])
    total = np.log(np.exp(nothing) + sum(np.exp(each) for each in spans.values()))
    answer = reader.compute([member])[0]
    if nothing < score:
        assert (answer.start, answer.end) == (window.spans[first][0], window.spans[last][1])
        assert answer.probability == pytest.approx(np.exp(score - total), abs=1e-5)
    else:
        assert answer == pytest.approx((0, 0, np.exp(nothing - total)), abs=1e-5)


def test_a_batch_changes_nothing(reader):
    pairs = [("who sat ?", PASSAGE), ("where is the mat ?", "the mat is on the cat"), ("who", "a dog " * 60)]
    together = reader.compute(reader.tokenize(pairs))
    for pair, answer in zip(pairs, together, strict=True):
        assert reader.compute(reader.tokenize([pair]))[0] == pytest.approx(answer, abs=1e-5)


SPANS = [None, None, None, (0, 3), (4, 7), (8, 11), None]
WINDOW = Window([0] * 7, (), SPANS)


def ends(starts, stops):
    logits = np.zeros((2, 7), dtype=np.float32)
    for row, given in enumerate((starts, stops)):
        for place, value in given.items():
            logits[row, place] = value
    return logits


def test_an_answer_never_ends_before_it_begins_nor_outside_of_the_passage():
    found = find(WINDOW, ends({5: 9, 1: 20}, {3: 8, 4: 5, 5: 2, 6: 20}))
    assert (found.start, found.end, found.score) == (8, 11, 11.0)
    found = find(WINDOW, ends({3: 9}, {5: 8}))
    assert (found.start, found.end) == (0, 11)


def test_no_answer_is_chosen_where_the_first_token_says_so():
    found = find(WINDOW, ends({0: 10, 3: 4}, {0: 10, 4: 4}))
    answer = choose("one two ten", [found])
    assert (answer.start, answer.end) == (0, 0)
    assert answer.probability > 0.99
    assert choose("one two ten", [find(WINDOW, ends({3: 9}, {4: 9}))])[:2] == (0, 7)


def test_over_several_windows_the_best_answer_wins_and_one_window_with_it_is_enough():
    without = find(WINDOW, ends({0: 10, 3: 1}, {0: 10, 3: 1}))
    later = Window([0] * 7, (), [None, None, None, (20, 23), (24, 27), (28, 31), None])
    answering = find(later, ends({4: 8}, {5: 8}))
    answer = choose("." * 40, [without, answering])
    assert (answer.start, answer.end) == (24, 31)
    assert 0 < answer.probability < 1


def test_a_long_passage_is_read_in_overlapping_windows(reader):
    passage = "the cat sat on the mat . " * 20
    (member,) = reader.tokenize([("who sat ?", passage)])
    assert len(member.windows) == 3
    covered = [{span for span in window.spans if span} for window in member.windows]
    assert all(first & second for first, second in itertools.pairwise(covered))
    assert set().union(*covered) >= {(0, 3), (len(passage) - 2, len(passage) - 1)}
    answer = reader.compute([member])[0]
    assert 0 <= answer.start <= answer.end <= len(passage)


def test_an_endless_question_leaves_half_a_window_to_the_passage(reader):
    (member,) = reader.tokenize([("who " * 5000, PASSAGE)])
    assert all(len(window.tokens) <= 64 for window in member.windows)
    assert {span for window in member.windows for span in window.spans if span} >= {
        (0, 3),
        (len(PASSAGE) - 1, len(PASSAGE)),
    }


def test_an_empty_passage_holds_no_answer(reader):
    assert reader.compute(reader.tokenize([("who sat ?", "")]))[0] == pytest.approx((0, 0, 1.0))
