"""A reader learns where answers stand, and what it learnt serves by itself and on its base."""

import json
import random

import pytest
import torch
import transformers

from bot.errors import BadInput, BadModel
from bot.training.courses.questions import Question, read_questions, windows_of
from bot.training.courses.reading import PLAN, best_span, study, with_strangers
from bot.training.loop.progress import Silent
from bot.training.loop.request import Request
from bot.training.loop.run import train
from bot.worker.catalogue import Entry
from bot.worker.encoders.reader import Reader

PEOPLE = ["anna", "boris", "chen", "dana", "emil", "fatma"]
PLACES = ["oslo", "paris", "quito", "riga", "seoul", "tunis"]
WORDS = ["who", "where", "lives", "works", "in", "and", "is", "?", ".", *PEOPLE, *PLACES]


def row(chance):
    """`and anna lives in oslo .`, and who or where that is."""
    who, where = chance.choice(PEOPLE), chance.choice(PLACES)
    passage = f"{'and ' * chance.randrange(4)}{who} {chance.choice(['lives', 'works'])} in {where} ."
    question, answer = chance.choice([(f"where is {who} ?", where), (f"who is in {where} ?", who)])
    return {
        "question": question,
        "context": passage,
        "answers": [answer],
        "answer_starts": [passage.index(answer)],
    }


@pytest.fixture(scope="module")
def rows(tmp_path_factory, write_rows):
    chance = random.Random(1)
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl", [row(chance) for _ in range(400)])


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("base")
    vocabulary = {
        word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    }
    transformers.BertTokenizer(vocab=vocabulary, model_max_length=64).save_pretrained(folder)
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    config = transformers.BertConfig(
        vocab_size=len(vocabulary), max_position_embeddings=64, initializer_range=0.3, **shape
    )
    transformers.BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def learnt(rows, base, tmp_path_factory):
    plan = PLAN.changed(
        {
            "epochs": 8,
            "learning_rate": 0.01,
            "warmup": 10,
            "batch_tokens": 512,
            "average": 0.0,
            "validations": 1,
            "patience": 0,
            "network": {"most_tokens": 64, "dropout": 0.0, "strangers": 0.02},
        }
    )
    request = Request("reader", [rows], tmp_path_factory.mktemp("run") / "model", architecture=str(base))
    return request.out, train(study(request, plan), plan, request.out, progress=Silent())


def entry(folder, **fields):
    return Entry("reader", "tiny", folder, "", 0, "", runtime="torch", **fields)


def test_it_finds_the_answers_it_learnt_to_find(learnt):
    _, report = learnt
    assert report.best.metrics["f1"] > 90
    assert report.history[0].metrics["f1"] < report.best.metrics["f1"]


def test_what_it_learnt_serves_by_itself_and_on_its_base(learnt, base, rows):
    folder, _ = learnt
    whole, on_base = Reader(entry(folder), 1), Reader(entry(base, adapter=folder / "adapter"), 1)
    asked = [json.loads(line) for line in rows.read_text().splitlines()[:60]]
    pairs = [(each["question"], each["context"]) for each in asked]
    answers = whole.compute(whole.tokenize(pairs))
    right = sum(
        each["context"][answer.start : answer.end] in each["answers"]
        for each, answer in zip(asked, answers, strict=True)
    )
    assert right > 50
    for one, other in zip(answers, on_base.compute(on_base.tokenize(pairs)), strict=True):
        assert other == pytest.approx(one, abs=1e-4)
    known = transformers.AutoModel.from_pretrained(base).state_dict()
    stored = transformers.AutoModel.from_pretrained(folder).state_dict()
    assert torch.equal(
        known["embeddings.word_embeddings.weight"], stored["embeddings.word_embeddings.weight"]
    )


def test_a_long_passage_has_its_answer_in_one_window_at_least(base):
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    passage = "anna lives in oslo . " * 40 + "boris lives in riga ."
    start = passage.index("riga")
    reads = windows_of([Question("where is boris ?", passage, ((start, start + 4),))], tokenizer, 64)
    assert len(reads) > 2
    assert all(len(read.tokens) <= 64 for read in reads)
    found = [read for read in reads if read.first]
    assert found
    for read in found:
        left, right = read.spans[read.first - read.begins][0], read.spans[read.last - read.begins][1]
        assert passage[left:right] == "riga"


def test_an_endless_question_leaves_room_for_the_passage(base):
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    (read,) = windows_of([Question("where " * 500, "anna lives in oslo .", ((14, 18),))], tokenizer, 64)
    assert read.spans
    assert read.first == read.last > 0


def test_the_best_span_is_never_backwards_nor_in_the_question(base):
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    (read,) = windows_of([Question("where is anna ?", "anna lives in oslo .", ())], tokenizer, 64)
    ends = torch.zeros(2, len(read.tokens))
    ends[0, read.begins + 3] = ends[1, read.begins + 1] = 5.0
    ends[:, 1] = 50.0
    margin, start, end = best_span(read, ends)
    assert (start, margin) in {(14, 5.0), (0, 5.0)}
    assert end > start


def test_a_question_is_asked_of_a_strange_passage_only_where_its_answer_is_not(rows):
    questions = read_questions([rows])
    strangers = with_strangers(questions, 0.5, seed=1)
    assert 20 < len(strangers) <= 200
    asked = {each.text: each for each in strangers}
    for question in questions:
        stranger = asked.get(question.text)
        if stranger:
            assert not stranger.answers


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"question": ""}, "line 1: 'question' must be a text"),
        ({"context": 3}, "line 1: 'context' must be a text"),
        ({"answers": "oslo"}, "must be lists of the same length"),
        ({"answer_starts": []}, "must be lists of the same length"),
        ({"answer_starts": [1]}, "does not have the answer 'oslo' at character 1"),
    ],
)
def test_a_bad_row_is_named(tmp_path, write_rows, change, words):
    good = {"question": "where?", "context": "anna lives in oslo", "answers": ["oslo"], "answer_starts": [14]}
    with pytest.raises(BadInput, match=words):
        read_questions([write_rows(tmp_path / "rows.jsonl", [good | change])])


def test_what_cannot_be_begun_is_told(rows, tmp_path):
    with pytest.raises(BadModel, match="no model folder"):
        study(Request("reader", [rows], tmp_path, architecture="/nowhere"), PLAN)
    with pytest.raises(BadInput, match="has no 'heads'"):
        study(Request("reader", [rows], tmp_path, architecture="x"), PLAN.changed({"network": {"heads": 2}}))
