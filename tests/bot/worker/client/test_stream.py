import asyncio

import pytest

from bot.errors import Uncomputable
from bot.worker.client.stream import Stream


def test_pieces_come_out_once():
    stream = Stream()
    for piece in ("a ", "", "b"):
        stream.add(piece)
    assert stream.take() == "a b"
    assert stream.take() == ""


def test_after_a_restart_the_same_text_is_dropped_whatever_its_pieces_are():
    stream = Stream()
    stream.add("one two")
    stream.take()
    stream.restart()
    for piece in ("on", "e t", "wo three", " four"):
        stream.add(piece)
    stream.finish()
    assert stream.take() == " three four"


def test_another_text_after_a_restart_breaks_off():
    stream = Stream()
    stream.add("one two")
    stream.restart()
    stream.add("one ")
    with pytest.raises(Uncomputable, match="broke off"):
        stream.add("three")


def test_an_end_before_what_was_given_breaks_off():
    stream = Stream()
    stream.add("one two")
    stream.restart()
    stream.add("one")
    with pytest.raises(Uncomputable, match="broke off"):
        stream.finish()


def test_a_second_restart_begins_again():
    stream = Stream()
    stream.add("one two")
    for _ in range(3):
        stream.restart()
        stream.add("one")
    stream.add(" two")
    stream.finish()
    assert stream.take() == "one two"


async def test_a_reader_waits_for_news():
    stream = Stream()
    waiting = asyncio.ensure_future(stream.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    stream.add("a")
    await asyncio.wait_for(waiting, 1)
