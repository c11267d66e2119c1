"""Explanations point at the words that decide, and the curves tell faithful ones from others."""

import dataclasses

import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

from bot.errors import BadInput
from bot.models import Weight
from bot.training.checkpoints.classifier import Classifier
from bot.training.measures import explanation
from bot.training.measures.explanation import Token, explain, whole_words

TEXT = "The train was awful today"


@pytest.fixture(scope="module")
def classifier(trained):
    return Classifier(trained)


def strongest(text, found):
    best = max(found.words, key=lambda word: word.score)
    return text[best.start : best.end]


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks")
@pytest.mark.parametrize("method", ["attention", "gradients"])
def test_the_word_that_decides_is_found(classifier, method):
    if method == "gradients":
        pytest.importorskip("captum")
    found = explain(classifier, TEXT, method=method)
    assert found.labels.label == "negative"
    assert strongest(TEXT, found) == "awful"
    assert [TEXT[token.start : token.end] for token in found.tokens] == [token.text for token in found.tokens]


def test_attention_is_a_share_and_the_default_of_a_network_that_has_it(classifier):
    found = explain(classifier, TEXT)
    assert 0.5 < sum(token.score for token in found.tokens) <= 1.0001
    assert all(token.score >= 0 for token in found.tokens)


def test_gradients_speak_against_the_other_label(classifier):
    pytest.importorskip("captum")
    found = explain(classifier, TEXT, method="gradients", label="positive")
    weakest = min(found.words, key=lambda word: word.score)
    assert TEXT[weakest.start : weakest.end] == "awful"
    assert weakest.score < 0


def test_a_faithful_order_of_words_has_lower_deletion_and_higher_insertion(classifier):
    found = explain(classifier, TEXT)
    reversed_words = [dataclasses.replace(word, score=-word.score) for word in found.words]
    target = classifier.labels.index("negative")
    deletion, insertion = explanation._curves(classifier, TEXT, reversed_words, target)
    assert found.deletion < deletion
    assert found.insertion > insertion


def test_a_checkpoint_of_transformers_is_explained_by_gradients(encoder, tmp_path):
    pytest.importorskip("captum")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    AutoModelForSequenceClassification.from_pretrained(encoder, num_labels=2).save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(encoder).save_pretrained(tmp_path)
    plain = Classifier(tmp_path)
    assert {TEXT[word.start : word.end] for word in explain(plain, TEXT).words} == set(TEXT.split())
    with pytest.raises(BadInput, match="no attention weights of its own"):
        explain(plain, TEXT, method="attention")


def test_tokens_are_summed_to_words_and_chinese_stays_apart():
    text = "don't 很好!"
    tokens = [Token("don", 0, 3, 0.1), Token("'", 3, 4, 0.1), Token("t", 4, 5, 0.2)]
    chinese = [Token("很", 6, 7, 0.25), Token("好", 7, 8, 0.25), Token("!", 8, 9, 0.1)]
    assert whole_words(text, [*tokens, *chinese]) == [
        Weight(0, 3, 0.1),
        Weight(3, 4, 0.1),
        Weight(4, 5, 0.2),
        Weight(6, 7, 0.25),
        Weight(7, 8, 0.25),
        Weight(8, 9, 0.1),
    ]
    halves = [Token("tr", 4, 6, 0.25), Token("ain", 6, 9, 0.5)]
    assert whole_words("The train", halves) == [Weight(4, 9, 0.75)]


def test_what_there_is_not_is_refused(classifier):
    with pytest.raises(BadInput, match="attention or gradients"):
        explain(classifier, TEXT, method="guess")
    with pytest.raises(BadInput, match=r"no label 'angry'.*negative, neutral, positive"):
        explain(classifier, TEXT, label="angry")
