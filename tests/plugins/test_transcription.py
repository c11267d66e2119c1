"""Voice messages are written down, and answered as if they had been typed."""

from dataclasses import replace

import pytest

from bot import Attachment, BadInput, Reply
from bot.settings import LimitSettings, Settings
from bot.testing import Harness, RecordingConnector, open_harness

TEXT = "what can you do?"


class Platform(RecordingConnector):
    """A platform that keeps the files sent to it."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}

    async def fetch(self, attachment: Attachment, limit: int) -> bytes:
        if attachment.source not in self.files:
            raise BadInput(f"The file {attachment.name!r} is gone.")
        return self.files[attachment.source]


@pytest.fixture
async def harness(tmp_path):
    settings = Settings(data_dir=tmp_path, limits=LimitSettings(person_per_minute=0, channel_per_minute=0))
    async with open_harness(settings, Platform()) as running:
        yield running


def clip(harness: Harness, name: str, said: str, *, voice: bool = True, media_type: str = "audio/ogg"):
    """An attachment in which the fake models hear `said`."""
    content = f"recording {name}".encode()
    harness.connector.files[name] = content
    harness.models.heard[content] = said
    return Attachment(name, name, media_type, len(content), source=name, is_voice=voice)


async def speak(harness: Harness, *clips: Attachment, text: str = "", **fields) -> list[Reply]:
    message = replace(harness.message(text, **fields), attachments=clips)
    return await harness.hand_in(message)


async def test_a_voice_message_is_quoted_and_answered(harness):
    quote, answer = await speak(harness, clip(harness, "a.ogg", TEXT))
    assert (quote.text, quote.skill) == (f"> {TEXT}", "transcribe")
    assert answer.skill == "help"
    assert "/transcribe" in answer.text


async def test_in_a_channel_it_is_written_down_and_no_more(harness):
    replies = await speak(harness, clip(harness, "a.ogg", TEXT), direct=False)
    assert [each.text for each in replies] == [f"> {TEXT}"]


async def test_several_are_joined_and_voice_comes_first(harness):
    clips = [
        clip(harness, "music.mp3", "second words", voice=False, media_type="audio/mpeg"),
        clip(harness, "voice.m4a", "first  words\n", media_type="audio/mp4"),
        clip(harness, "photo.png", "never heard", voice=False, media_type="image/png"),
    ]
    quote, *_ = await speak(harness, *clips)
    assert quote.text == "> first words\n>\n> second words"


async def test_a_file_is_heard_when_asked(harness):
    recording = clip(harness, "talk.mp3", "hello there", voice=False, media_type="audio/mpeg")
    quote, *_ = await speak(harness, recording, text="/transcribe")
    assert quote.text == "> hello there"


async def test_a_long_speech_is_written_down_whole(harness):
    said = "many words follow " * 2000
    parts = await speak(harness, clip(harness, "a.ogg", said), direct=False)
    assert "".join(each.text for each in parts).count("many words follow") == 2000


async def test_nothing_understood_is_said(harness):
    (reply,) = await speak(harness, clip(harness, "a.ogg", "  "))
    assert "could not make out" in reply.text
    assert not reply.heard


@pytest.mark.parametrize("text", ["/transcribe", "transcribe"])
async def test_without_a_recording_it_says_what_to_send(harness, text):
    assert "Send a voice message" in await harness.say(text)


async def test_a_file_that_is_gone_is_named(harness):
    recording = clip(harness, "a.ogg", TEXT)
    harness.connector.files.clear()
    (reply,) = await speak(harness, recording)
    assert reply.text == "The file 'a.ogg' is gone."


async def test_a_file_that_is_no_recording_is_said_so(harness, monkeypatch):
    async def refuse(*_, **__):
        raise BadInput("This file is no recording I can listen to.")

    monkeypatch.setattr(harness.models, "transcribe", refuse)
    (reply,) = await speak(harness, clip(harness, "a.ogg", TEXT))
    assert reply.text == "This file is no recording I can listen to."


async def test_without_models_it_says_so(harness):
    harness.models.down = True
    (reply,) = await speak(harness, clip(harness, "a.ogg", TEXT))
    assert "switched off" in reply.text
