import asyncio

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.worker.wire import frames

headers = st.dictionaries(st.text(max_size=5), st.text() | st.integers() | st.none() | st.lists(st.text()))


def reader_of(content, ends=True):
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    if ends:
        reader.feed_eof()
    return reader


@given(st.lists(st.tuples(headers, st.binary()), max_size=4))
def test_what_is_written_is_read(sent):
    async def read_all():
        reader = reader_of(b"".join(frames.encode(*frame) for frame in sent))
        got = []
        while frame := await frames.read(reader):
            got.append(frame)
        return got

    assert asyncio.run(read_all()) == sent


async def test_nothing_more_is_none():
    assert await frames.read(reader_of(b"")) is None


@pytest.mark.parametrize("cut", [1, 7, 8, 9, 20])
async def test_a_frame_cut_short_is_broken(cut):
    content = frames.encode({"kind": "heartbeat"}, b"1234")[:cut]
    with pytest.raises(frames.BrokenFrame, match="middle"):
        await frames.read(reader_of(content))


@pytest.mark.parametrize("header", [b"{", b"[1]", b"\xff", b"[" * 100_000])
async def test_a_header_must_be_a_json_object(header):
    content = frames.LENGTHS.pack(len(header), 0) + header
    with pytest.raises(frames.BrokenFrame, match="header"):
        await frames.read(reader_of(content))


async def test_a_length_over_the_limit_is_refused_before_anything_is_read():
    with pytest.raises(frames.BrokenFrame, match="limit"):
        await frames.read(reader_of(frames.LENGTHS.pack(frames.LIMIT, 1), ends=False))


def test_a_frame_over_the_limit_is_not_written(monkeypatch):
    monkeypatch.setattr(frames, "LIMIT", 100)
    with pytest.raises(frames.BrokenFrame, match="limit"):
        frames.encode({}, bytes(99))


def test_vectors_survive_the_way():
    vectors = [np.ones((2, 3), np.float32), np.zeros((0, 3), np.float32), np.full((1, 2), np.pi, np.float32)]
    body = b"".join(map(frames.pack_vectors, vectors))
    back = frames.unpack_vectors(body, [each.shape for each in vectors])
    assert all(np.array_equal(a, b) for a, b in zip(back, vectors, strict=True))


def test_vectors_of_another_size_are_broken():
    with pytest.raises(frames.BrokenFrame, match="size"):
        frames.unpack_vectors(bytes(12), [(2, 2)])
