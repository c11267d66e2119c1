"""Values survive the journey through storage."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import Attachment, Author, Channel, Citation, Message, Reply, ReplyFile
from bot.message import clean_text, now, pack_message, pack_reply, unpack_message, unpack_reply


def test_message_survives_packing_with_its_text_kept_apart() -> None:
    attachment = Attachment("a1", "plan.pdf", "application/pdf", 12)
    channel = Channel("fake", "7", "9", is_direct=True, name="general")
    message = Message(
        "fake:1", channel, Author("u", "Ann"), "secret", now(), attachments=(attachment,), reply_to="fake:0"
    )
    packed = pack_message(message)
    assert "secret" not in packed
    assert unpack_message(packed, "secret") == message
    assert unpack_message(packed, "edited") == replace(message, text="edited")


def test_reply_survives_packing() -> None:
    reply = Reply(
        "42", (Citation("guide.md", "7", "It is 42.", "Answers", "line 3"),), to_asker=True, skill="ask"
    )
    assert unpack_reply(pack_reply(reply)) == reply
    with_file = Reply("here", files=(ReplyFile("a.bin", "application/octet-stream", bytes(range(256))),))
    assert unpack_reply(pack_reply(with_file)) == with_file


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("a\x00b", "a\ufffdb"),
        ("lone \ud800 half", "lone \ufffd half"),
        ("pair \ud83d\ude00", "pair 😀"),
        ("a\r\nb", "a\nb"),
        ("问候 👋🏽", "问候 👋🏽"),
    ],
)
def test_text_is_cleaned(dirty: str, clean: str) -> None:
    assert clean_text(dirty) == clean


@given(st.text(st.characters()))
def test_cleaned_text_can_be_stored_anywhere(text: str) -> None:
    cleaned = clean_text(text)
    assert "\x00" not in cleaned
    assert clean_text(cleaned.encode().decode()) == cleaned


def test_conversation_key_names_platform_channel_and_thread() -> None:
    assert Channel("slack", "C1").conversation == "slack:C1"
    assert Channel("slack", "C1", "17.4").conversation == "slack:C1/17.4"
