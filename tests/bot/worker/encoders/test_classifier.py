"""Labels: what transformers itself says of a text, for any batch and length, and the words that decided."""

import numpy as np
import pytest

from bot.errors import BadModel
from bot.worker.encoders.classifier import Classifier

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

TEXTS = ["the cat sat", "very good !", "bad", "the dog was terrible and the cat was great", ""]
LONG = "the cat sat on the mat and the dog was not very good . " * 7


@pytest.fixture(scope="module")
def engine(classifier_folder, entry_of):
    return Classifier(entry_of(classifier_folder), 1)


def judged(engine, texts, explain=None):
    return engine.compute(engine.tokenize(texts), explain)


def reference(folder, tokens):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.inference_mode():
        return model(torch.tensor([tokens])).logits[0]


def test_it_is_the_softmax_of_the_networks_logits(engine, classifier_folder):
    for text, (labels, words) in zip(TEXTS, judged(engine, TEXTS), strict=True):
        (window,) = engine.tokenize([text])[0].windows
        expected = reference(classifier_folder, window.tokens).softmax(-1).tolist()
        assert dict(labels) == pytest.approx(
            dict(zip(["negative", "neutral", "positive"], expected, strict=True)), abs=1e-5
        )
        assert [chance for _, chance in labels] == sorted(expected, reverse=True) or words == ()
        assert sum(chance for _, chance in labels) == pytest.approx(1)
        assert words == ()
    assert len({labels[0][0] for labels, _ in judged(engine, TEXTS)}) > 1


def test_a_batch_changes_nothing(engine):
    together = judged(engine, TEXTS)
    for text, judgement in zip(TEXTS, together, strict=True):
        (alone,) = judged(engine, [text])
        assert dict(alone.labels) == pytest.approx(dict(judgement.labels), abs=1e-5)


def test_a_long_text_is_the_average_of_its_windows_by_length(engine, classifier_folder):
    (member,) = engine.tokenize([LONG])
    lengths = [len(window.tokens) for window in member.windows]
    assert lengths == [64, 38]
    assert len(member) == sum(lengths)
    each = [reference(classifier_folder, window.tokens).softmax(-1).numpy() for window in member.windows]
    expected = np.average(each, axis=0, weights=lengths)
    (judgement,) = engine.compute([member])
    assert sorted(chance for _, chance in judgement.labels) == pytest.approx(sorted(expected), abs=1e-5)


def test_of_an_endless_text_the_beginning_is_read(engine):
    (member,) = engine.tokenize(["good " * 200_000])
    assert len(member) == 4096
    (unbroken,) = engine.tokenize(["x" * 1_000_000])
    assert len(unbroken) <= 4096
    assert engine.compute([unbroken])[0].labels


def test_the_temperature_of_the_checkpoint_counts(make_bert, entry_of, engine):
    folder = make_bert("classifier", labels=["negative", "neutral", "positive"], temperature=2.5)
    (warm,) = judged(Classifier(entry_of(folder), 1), [TEXTS[0]])
    (plain,) = judged(engine, [TEXTS[0]])
    logits = np.log([chance for _, chance in plain.labels]) / 2.5
    assert [chance for _, chance in warm.labels] == pytest.approx(
        np.exp(logits) / np.exp(logits).sum(), abs=1e-5
    )
    cold = make_bert("classifier", labels=["a", "b"], temperature=-1.0)
    with pytest.raises(BadModel, match="temperature"):
        Classifier(entry_of(cold), 1)


def test_labels_that_do_not_exclude_each_other_leave_room_for_none(make_bert, entry_of):
    folder = make_bert("classifier", labels=["toxic", "insult"], problem_type="multi_label_classification")
    engine = Classifier(entry_of(folder), 1)
    (window,) = engine.tokenize(["very bad"])[0].windows
    toxic, insult = reference(folder, window.tokens).sigmoid().tolist()
    (judgement,) = judged(engine, ["very bad"], explain=True)
    none = (1 - toxic) * (1 - insult)
    total = toxic + insult + none
    assert dict(judgement.labels) == pytest.approx(
        {"toxic": toxic / total, "insult": insult / total, "none": none / total}, abs=1e-5
    )
    assert [(word.start, word.end) for word in judgement.words] == [(0, 4), (5, 8)]


def test_two_labels_of_one_name_are_refused(make_bert, entry_of):
    folder = make_bert("classifier", labels=["a", "b", "c"])
    config = (folder / "config.json").read_text().replace('"b"', '"a"', 1)
    (folder / "config.json").write_text(config)
    with pytest.raises(BadModel, match="labels"):
        Classifier(entry_of(folder), 1)


def test_numbers_that_are_none_are_an_error(engine, monkeypatch):
    def spoilt(windows):
        return [np.array([np.nan, 0, 0], dtype=np.float32) for _ in windows]

    monkeypatch.setattr(engine.network, "run", spoilt)
    with pytest.raises(ValueError, match="finite"):
        judged(engine, ["the cat"])


def test_a_checkpoint_without_a_head_is_refused(base, entry_of):
    with pytest.raises(BadModel, match="lack"):
        Classifier(entry_of(base), 1)


def test_only_texts_to_explain_are_a_group_of_their_own(engine):
    assert engine.choose({"explain": True}) is True
    assert engine.choose({"explain": False}) is engine.choose({}) is None


def test_the_words_that_decided_are_whole_words_and_move_the_answer_as_they_say(engine, classifier_folder):
    text = "the cats was terribly bad, not  good!"
    (judgement,) = judged(engine, [text], explain=True)
    assert [text[word.start : word.end] for word in judgement.words] == [
        "the", "cats", "was", "terribly", "bad", ",", "not", "good", "!",
    ]  # fmt: skip
    assert sum(abs(word.score) for word in judgement.words) == pytest.approx(1)
    assert dict(judgement.labels) == pytest.approx(dict(judged(engine, [text])[0].labels), abs=1e-6)


def test_gradient_times_input_is_the_slope_of_the_log_probability(engine, classifier_folder):
    (member,) = engine.tokenize(["the dog was bad"])
    (window,) = member.windows
    model = transformers.AutoModelForSequenceClassification.from_pretrained(classifier_folder).eval()
    tokens = torch.tensor([window.tokens])
    vectors = model.get_input_embeddings()(tokens).detach().double()
    model = model.double()

    def log_probability(scale):
        with torch.inference_mode():
            return model(inputs_embeds=vectors * scale).logits.log_softmax(-1)[0]

    winner = int(log_probability(torch.ones(1, len(window.tokens), 1)).argmax())
    step, slopes = 1e-4, []
    for place in range(len(window.tokens)):
        change = torch.zeros(1, len(window.tokens), 1, dtype=torch.double)
        change[0, place] = step
        slope = (log_probability(1 + change) - log_probability(1 - change))[winner] / (2 * step)
        slopes.append(float(slope))
    logits = reference(classifier_folder, window.tokens)
    direction = -logits.softmax(-1).numpy()
    direction[winner] += 1
    assert engine.network.weigh(window, direction).tolist() == pytest.approx(slopes, rel=0.02, abs=2e-3)


def test_a_text_without_words_is_explained_by_none(engine):
    assert [judgement.words for judgement in judged(engine, ["", "  "], explain=True)] == [(), ()]


def test_a_long_text_is_explained_to_its_end(engine):
    (judgement,) = judged(engine, [LONG], explain=True)
    assert judgement.words[-1].end == len(LONG.rstrip())
    assert len(judgement.words) == len(LONG.split())
