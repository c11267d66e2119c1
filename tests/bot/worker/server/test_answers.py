import asyncio

from bot.errors import Uncomputable
from bot.worker.server.answers import Answers
from bot.worker.server.role import Outcome
from bot.worker.wire import frames


def joined(results):
    return {"values": {"joined": "".join(results)}}, b""


def raw(results):
    return {"shape": [len(results), 1]}, b"".join(results)


async def decode(frame):
    reader = asyncio.StreamReader()
    reader.feed_data(frame)
    return await frames.read(reader)


async def settle(answers, *outcomes):
    return [(peer, *await decode(frame)) for peer, frame in answers.settle(outcomes)]


async def test_results_of_several_batches_are_put_in_order():
    answers = Answers()
    number = answers.open("bot", 7, "role")
    answers.expect(number, 3, joined)
    assert await settle(answers, Outcome(number, [2, 0], ["c", "a"])) == []
    assert await settle(answers, Outcome(number, [1], ["b"])) == [
        ("bot", {"kind": "answers", "answers": [{"id": 7, "values": {"joined": "abc"}}]}, b"")
    ]
    assert len(answers) == 0


async def test_answers_to_one_peer_go_in_one_frame_with_their_bodies_in_order():
    answers = Answers()
    numbers = [answers.open(peer, 1, "role") for peer in ("one", "two")] + [answers.open("one", 2, "role")]
    for number in numbers:
        answers.expect(number, 1, raw)
    found = await settle(answers, *(Outcome(number, [0], [bytes([65 + number])]) for number in numbers))
    assert [(peer, [each["id"] for each in header["answers"]], body) for peer, header, body in found] == [
        ("one", [1, 2], b"AC"),
        ("two", [1], b"B"),
    ]


async def test_an_error_ends_a_request_and_what_comes_after_is_dropped():
    answers = Answers()
    number = answers.open("bot", 7, "role")
    answers.expect(number, 2, joined)
    outcomes = [
        Outcome(number, [0], ["a"]),
        Outcome(number, error=Uncomputable("no")),
        Outcome(number, [1], ["b"]),
    ]
    ((_, header, _),) = await settle(answers, *outcomes)
    assert header["answers"] == [{"id": 7, "error": "Uncomputable", "reason": "no"}]


async def test_pieces_come_before_the_answer_that_ends_them():
    answers = Answers()
    one, two = answers.open("bot", 1, "chat"), answers.open("bot", 2, "chat")
    found = await settle(
        answers, Outcome(one, piece="a"), Outcome(two, piece="b"), Outcome(one, values={"is_cut": False})
    )
    assert [header for _, header, _ in found] == [
        {"kind": "pieces", "pieces": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}]},
        {"kind": "answers", "answers": [{"id": 1, "values": {"is_cut": False}}]},
    ]
    assert len(answers) == 1


async def test_a_closed_request_is_forgotten():
    answers = Answers()
    number = answers.open("bot", 7, "role")
    assert answers.number_of("bot", 7) == number
    assert answers.numbers_of("bot") == [number]
    assert answers.close(number).role == "role"
    assert answers.close(number) is None
    assert answers.number_of("bot", 7) is None
    assert await settle(answers, Outcome(number, values={})) == []


async def test_a_number_used_again_is_the_new_request():
    answers = Answers()
    old, new = answers.open("bot", 7, "role"), answers.open("bot", 7, "role")
    answers.close(old)
    assert answers.number_of("bot", 7) == new
