"""Files and voice clips: read from Slack alone, with its token, within the limit."""

import pytest

from bot.connectors.slack.files import origins_of
from bot.errors import BadInput, TooLarge
from bot.message import Attachment
from tests.bot.connectors.slack.conftest import Talk

LIMIT = 1024 * 1024


async def attached(talk: Talk, **more: object) -> Attachment:
    """The attachment of a message in the direct conversation, as the core got it."""
    await talk.say(talk.slack.dm("ann"), **{"text": "", **more})  # type: ignore[arg-type]
    message = next(each for each in reversed(talk.accepted) if each.attachments)
    (attachment,) = message.attachments
    return attachment


async def test_a_file_is_read_when_a_skill_wants_it(talk: Talk) -> None:
    channel = talk.slack.dm("ann")
    await talk.say(
        channel, "/read", files=[("a.txt", b"alpha", "text/plain"), ("b.txt", b"beta", "text/plain")]
    )
    assert talk.texts(channel) == ["alpha beta"]
    first = talk.accepted[-1].attachments[0]
    assert (first.name, first.media_type, first.size, first.is_voice) == ("a.txt", "text/plain", 5, False)
    assert all(each.authorized for each in talk.slack.downloads)


@pytest.mark.parametrize("clip", [b"RIFF....WAVE", b"OggS....", b"\x1aE\xdf\xa3....", b"anything else"])
async def test_a_voice_clip_is_known_as_one(talk: Talk, clip: bytes) -> None:
    voice = await attached(talk, voice=clip)
    assert (voice.is_voice, voice.is_audio) == (True, True)
    assert await talk.connector.fetch(voice, LIMIT) == clip


async def test_an_audio_file_without_words_is_spoken_and_one_with_words_is_not(talk: Talk) -> None:
    file = [("talk.mp3", b"mp3", "audio/mpeg")]
    assert (await attached(talk, files=file)).is_voice
    with_words = await attached(talk, text="my song", files=file)
    assert (with_words.is_voice, with_words.is_audio) == (False, True)


async def test_a_file_known_by_its_id_alone_is_looked_up(talk: Talk) -> None:
    voice = await attached(talk, voice=b"OggS....", needs_lookup=True)
    assert (voice.is_voice, voice.media_type) == (True, "audio/ogg")
    assert await talk.connector.fetch(voice, LIMIT) == b"OggS...."


async def test_the_token_goes_to_no_other_host(talk: Talk) -> None:
    """F37: a remote file, whose address anyone can choose."""
    remote = await attached(talk, remote=talk.slack.elsewhere)
    with pytest.raises(BadInput, match="does not lie on Slack"):
        await talk.connector.fetch(remote, LIMIT)
    assert talk.slack.downloads == []


async def test_a_hosted_file_with_a_foreign_address_is_refused(talk: Talk) -> None:
    file = await attached(talk, files=[("a.txt", b"alpha", "text/plain")])
    stored = next(iter(talk.slack.files.values()))
    stored.remote = talk.slack.elsewhere
    with pytest.raises(BadInput, match="does not lie on Slack"):
        await talk.connector.fetch(file, LIMIT)
    assert talk.slack.downloads == []


async def test_a_redirect_is_not_followed(talk: Talk) -> None:
    file = await attached(talk, files=[("a.txt", b"alpha", "text/plain")])
    talk.slack.files_host.redirect_to = talk.slack.elsewhere
    with pytest.raises(BadInput, match="may not be read"):
        await talk.connector.fetch(file, LIMIT)
    assert [each.path for each in talk.slack.downloads if "elsewhere" in each.path] == []


async def test_a_large_file_is_refused_by_its_size_and_by_its_bytes(talk: Talk) -> None:
    file = await attached(talk, files=[("big.bin", b"x" * 3000, "application/octet-stream")])
    with pytest.raises(TooLarge, match="larger than"):
        await talk.connector.fetch(file, 2999)
    assert talk.slack.downloads == []
    assert len(await talk.connector.fetch(file, 3000)) == 3000


async def test_more_bytes_than_said_are_not_read(talk: Talk) -> None:
    file = await attached(talk, files=[("a.txt", b"alpha", "text/plain")])
    talk.slack.fail_next("download", 200, b"y" * 5000)
    with pytest.raises(TooLarge):
        await talk.connector.fetch(file, 4000)


async def test_a_file_that_is_gone_is_told_in_words(talk: Talk) -> None:
    file = await attached(talk, files=[("a.txt", b"alpha", "text/plain")])
    talk.slack.files.clear()
    with pytest.raises(BadInput, match="not there any more"):
        await talk.connector.fetch(file, LIMIT)


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_a_download_that_fails_is_told_in_words(talk: Talk, status: int) -> None:
    file = await attached(talk, files=[("a.txt", b"alpha", "text/plain")])
    talk.slack.fail_next("download", status)
    with pytest.raises(BadInput, match="read"):
        await talk.connector.fetch(file, LIMIT)


def test_hosts_are_those_of_the_api() -> None:
    assert origins_of("https://slack.com/api/") == {("https", "files.slack.com")}
    assert origins_of("https://slack-gov.com/api/") == {("https", "files.slack-gov.com")}
    assert ("http", "127.0.0.1:8888") in origins_of("http://127.0.0.1:8888/api/")
