"""Relevance: one logit or two, the best window of a long passage."""

import pytest

from bot.errors import BadModel
from bot.worker.encoders.reranker import Reranker

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

PAIRS = [("who sat ?", "the cat sat on the mat ."), ("who sat ?", "a dog was great"), ("bad ?", "not good")]


def logits_of(folder, window):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        return model(
            input_ids=torch.tensor([window.tokens]), token_type_ids=torch.tensor([window.types])
        ).logits[0]


@pytest.mark.parametrize(
    ("labels", "relevance"),
    [(["x"], lambda logits: logits.sigmoid()[0]), (["no", "yes"], lambda logits: logits.softmax(-1)[1])],
)
def test_it_is_the_probability_of_relevance(make_bert, entry_of, labels, relevance):
    folder = make_bert("classifier", labels=labels)
    reranker = Reranker(entry_of(folder), 1)
    members = reranker.tokenize(PAIRS)
    scores = reranker.compute(members)
    expected = [float(relevance(logits_of(folder, member.windows[0]))) for member in members]
    assert scores == pytest.approx(expected, abs=1e-5)
    assert len(set(scores)) == 3
    assert [reranker.compute([member])[0] for member in members] == pytest.approx(scores, abs=1e-5)


def test_of_a_long_passage_the_best_window_counts(make_bert, entry_of):
    folder = make_bert("classifier", labels=["x"])
    reranker = Reranker(entry_of(folder), 1)
    (member,) = reranker.tokenize([("who sat ?", "the dog was bad . " * 30 + "the cat sat")])
    assert len(member.windows) > 2
    expected = max(float(logits_of(folder, window).sigmoid()) for window in member.windows)
    assert reranker.compute([member])[0] == pytest.approx(expected, abs=1e-5)


def test_a_classifier_of_more_labels_is_refused(classifier_folder, entry_of):
    with pytest.raises(BadModel, match="no reranker"):
        Reranker(entry_of(classifier_folder), 1)
