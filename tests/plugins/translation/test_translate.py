"""The skill translate: by command, in reply, from the menu; what it keeps, and what it cannot."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot import Call, EventKind, ModelError
from bot.assembly import open_endpoint
from bot.composed import ComposedModels
from bot.models import NoModels
from bot.settings import EndpointSettings, LimitSettings, Settings
from bot.testing import Harness, RecordingConnector, open_harness
from bot.testing.endpoint import FakeEndpoint, last_turn
from plugins.translation.rendering import SMALL

GERMAN = "Guten Morgen zusammen, wir treffen uns heute um zehn Uhr im Büro"


class Linked(RecordingConnector):
    """A platform on which messages can be linked to."""

    def link(self, conversation: str, key: str) -> str:
        return f"https://chat.example/{key}"


def chosen(tmp_path, **translation) -> Settings:
    limits = LimitSettings(person_per_minute=0, channel_per_minute=0)
    return Settings(data_dir=tmp_path, limits=limits, plugin={"translation": translation})


@pytest.fixture
def harness_settings(tmp_path) -> Settings:
    return chosen(tmp_path)


def spelled(count: int) -> list[str]:
    """So many different words without a number in them."""
    return [f"{chr(97 + number // 26)}{chr(97 + number % 26)}" for number in range(count)]


def answering(monkeypatch, harness: Harness, translate) -> list[str]:
    """Lets `translate` make each translation; the texts that were asked for."""
    asked: list[str] = []

    async def replaced(texts, **_):
        asked.extend(texts)
        return [translate(text) for text in texts]

    monkeypatch.setattr(harness.models, "translate", replaced)
    return asked


@pytest.mark.parametrize(
    "command", ["/translate de", "/translate German", "/translate deutsch:", "/translate de-AT"]
)
async def test_a_text_is_translated_for_whoever_asked(harness, command):
    (reply,) = await harness.ask(f"{command} Good morning, everyone in this room")
    assert reply.text == f"[de] Good morning, everyone in this room\n\n*English → German{SMALL}*"
    assert reply.to_asker


async def test_without_a_language_it_is_the_operators(harness):
    assert (await harness.say(f"/translate {GERMAN}")).startswith(f"[en] {GERMAN}")


async def test_the_language_of_the_platform_comes_before_the_operators(harness):
    message = replace(harness.message(f"/translate {GERMAN}"), language="fr-CA")
    (reply,) = await harness.hand_in(message)
    assert reply.text.startswith("[fr] ")


@pytest.mark.parametrize(
    "words", ["translate this to French", "translate it into french", "/translate fr", "translate to French"]
)
async def test_a_reply_translates_its_message(harness, words):
    said = harness.message(GERMAN, author="bob", direct=False)
    await harness.hand_in(said)
    asking = replace(harness.message(words, direct=False, mention=True), reply_to=said.key)
    (reply,) = await harness.hand_in(asking)
    assert reply.text.startswith(f"[fr] {GERMAN}\n\n*German → French{SMALL}*")
    assert reply.to_asker


async def test_the_menu_of_a_message_leads_back_to_it(tmp_path):
    async with open_harness(chosen(tmp_path, language="Spanish"), Linked()) as harness:
        said = replace(harness.message(GERMAN, author="bob", direct=False), kind=EventKind.SEEN)
        await harness.hand_in(said)
        asking = replace(harness.message("", direct=False), call=Call("translate"), reply_to=said.key)
        (reply,) = await harness.hand_in(asking)
    assert reply.text == (
        f"[es] {GERMAN}\n\n*German → Spanish{SMALL}* · [original](https://chat.example/{said.key})"
    )


async def test_without_a_link_the_original_is_quoted(harness):
    said = harness.message(f"{GERMAN}\nBis dann", author="bob", direct=False)
    await harness.hand_in(said)
    asking = replace(harness.message("", direct=False), call=Call("translate"), reply_to=said.key)
    (reply,) = await harness.hand_in(asking)
    assert reply.text.endswith(f"\n\n> {GERMAN}\n> Bis dann")


async def test_a_form_shows_what_was_filled_in(harness):
    call = Call("translate", (("language", "Dutch"), ("text", GERMAN)))
    (reply,) = await harness.hand_in(replace(harness.message("", direct=False), call=call))
    assert reply.text == f"[nl] {GERMAN}\n\n*German → Dutch{SMALL}*\n\n> {GERMAN}"


async def test_a_form_with_an_unknown_language_says_so(harness):
    call = Call("translate", (("language", "Klingonish"), ("text", GERMAN)))
    (reply,) = await harness.hand_in(replace(harness.message("", direct=False), call=call))
    assert reply.text == "I know no language 'Klingonish'. Name one such as German or de."


async def test_the_form_suggests_languages(harness):
    offered = await harness.bot.answering.suggest(harness.message("x"), "translate", "language", "po")
    assert offered == ["Polish", "Portuguese"]


async def test_what_must_stay_stays(harness, monkeypatch):
    asked = answering(monkeypatch, harness, str.upper)
    text = (
        "# Read it\n- ask <@12> in <#34> about `make test`\n```py\nx = 1\n```\nsee https://x.org :up: at 10"
    )
    reply = await harness.say(f"/translate de {text}")
    assert reply.startswith(
        "# READ IT\n- ASK <@12> IN <#34> ABOUT `make test`\n```py\nx = 1\n```\nSEE https://x.org :up: AT 10"
    )
    assert asked == ["Read it", "ask ⟦0⟧ in ⟦1⟧ about ⟦2⟧", "see ⟦4⟧ ⟦5⟧ at 10"]


async def test_a_lost_mark_is_tried_again_by_sentence_and_then_refused(harness, monkeypatch):
    def forgetful(text: str) -> str:
        return "ALL FINE" if "⟦" in text else text.upper()

    answering(monkeypatch, harness, forgetful)
    reply = await harness.say("/translate de Please come in now. Write to <@12> today. We are waiting here.")
    assert reply.startswith("PLEASE COME IN NOW. Write to <@12> today. WE ARE WAITING HERE.")
    assert "One sentence stands as it was: no translation kept all that must stay." in reply


async def test_a_changed_number_is_hidden_at_the_second_try(harness, monkeypatch):
    asked = answering(monkeypatch, harness, lambda text: text.upper().replace("30", "13"))
    reply = await harness.say("/translate de there are 30 people waiting for us")
    assert reply.startswith("THERE ARE 30 PEOPLE")
    assert asked[-1] == "there are ⟦0⟧ people waiting for us"
    assert "stand" not in reply


async def test_the_glossary_decides_its_words(tmp_path):
    words = {"all": {"parley": "parley"}, "German": {"desk": "Schalter"}}
    async with open_harness(chosen(tmp_path, glossary=words)) as harness:
        reply = await harness.say("/translate de The desk of Parley is open for everyone")
        assert reply.startswith("[de] The Schalter of parley is open")
        reply = await harness.say("/translate fr The desk of Parley is open for everyone")
        assert reply.startswith("[fr] The desk of parley is open")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/translate", "What shall I translate?"),
        ("/translate de", "What shall I translate?"),
        ("/translate this", "What shall I translate?"),
        (f"/translate de {GERMAN}", "This is German already."),
        ("/translate de 🎉 https://example.org", "no words"),
        ("/translate de " + "word " * 5000, "longer than 20,000 characters"),
    ],
    ids=lambda text: text[:30],
)
async def test_what_cannot_be_translated_is_said(harness, text, answer):
    assert answer in await harness.say(text)


async def test_a_message_without_text_is_said(harness):
    said = replace(harness.message("", author="bob", direct=False), kind=EventKind.SEEN)
    await harness.hand_in(said)
    asking = replace(harness.message("", direct=False), call=Call("translate"), reply_to=said.key)
    (reply,) = await harness.hand_in(asking)
    assert reply.text.startswith("That message has no text to translate.")


@pytest.mark.parametrize("text", ["xqzzt vrrk plomp", "Привет hello 你好 שלום", "a" * 15_000, "👍 ok"])
async def test_any_language_is_tried(harness, text):
    assert "[el] " in await harness.say(f"/translate el {text}")


async def test_without_a_model_it_says_what_to_set(harness):
    harness.models.down = True
    answer = await harness.say("/translate de good morning to everyone")
    assert "[models.translation], or set endpoint.url and endpoint.model" in answer


async def test_no_models_at_all_say_what_to_set():
    with pytest.raises(Exception, match=r"Set endpoint\.url and endpoint\.model"):
        await NoModels().translate(["a"], target="de")


async def test_whose_work_a_translation_is_is_said_of_the_built_in_model_alone(harness, monkeypatch):
    assert SMALL in await harness.say("/translate de good morning to everyone")
    monkeypatch.setattr(harness.models, "origin", lambda role: "opus-mt")
    assert (await harness.say("/translate de good morning to everyone")).endswith("*English → German*")


async def test_a_long_text_goes_in_batches_and_the_rest_stands_when_the_model_fails(harness, monkeypatch):
    batches: list[list[str]] = []

    async def failing(texts, **_):
        batches.append(list(texts))
        if len(batches) == 3:
            raise ModelError("The models are busy. Try again in 9 seconds.")
        return [text.upper() for text in texts]

    monkeypatch.setattr(harness.models, "translate", failing)
    lines = [f"this is the line with the word {word}" for word in spelled(80)]
    reply = await harness.say("/translate de " + "\n".join(lines))
    assert [len(each) for each in batches] == [32, 32, 16]
    shown = reply.splitlines()
    assert shown[:64] == [line.upper() for line in lines[:64]]
    assert shown[64:80] == lines[64:]
    assert "The rest stands as it was, for the translation broke off: The models are busy." in reply


async def test_what_is_said_twice_is_asked_once(harness, monkeypatch):
    asked = answering(monkeypatch, harness, str.upper)
    await harness.say("/translate de good morning to you\ngood morning to you\ngood morning to you")
    assert asked == ["good morning to you"]


# --- flags ---


def flag(harness: Harness, emoji: str, target: str, author: str = "ann"):
    message = harness.message(emoji, author=author, direct=False)
    return replace(message, kind=EventKind.REACTED, target=target)


@pytest.mark.parametrize(
    ("emoji", "code"), [("🇫🇷", "fr"), ("🇬🇧", "en"), ("🇧🇷", "pt"), ("🏴󠁧󠁢󠁷󠁬󠁳󠁿", "cy"), ("🇨🇭", "")]
)
async def test_a_flag_under_a_message_translates_it_for_whoever_put_it_there(tmp_path, emoji, code):
    async with open_harness(chosen(tmp_path), Linked()) as harness:
        said = harness.message(GERMAN, author="bob", direct=False, thread="t1")
        await harness.hand_in(said)
        replies = await harness.hand_in(flag(harness, emoji, said.key))
    if not code:  # the Swiss flag stands for German, which it is already
        assert replies == []
        return
    (reply,) = replies
    assert reply.to_asker
    assert reply.text.startswith(f"[{code}] {GERMAN}\n")
    assert f"[original](https://chat.example/{said.key})" in reply.text


async def test_a_flag_that_may_mean_something_else_says_nothing(tmp_path):
    async with open_harness(chosen(tmp_path)) as harness:
        for text in ("https://example.org 🎉", "Guten Morgen zusammen, wie geht es euch?"):
            said = harness.message(text, author="bob", direct=False)
            await harness.hand_in(said)
            assert await harness.hand_in(flag(harness, "🇩🇪", said.key)) == []
        harness.models.down = True
        assert await harness.hand_in(flag(harness, "🇫🇷", said.key)) == []


async def test_a_flag_under_a_message_that_is_not_known_is_answered(harness):
    (reply,) = await harness.hand_in(flag(harness, "🇩🇪", "test:long-ago"))
    assert reply.text.startswith("I cannot translate that message")


async def test_flags_can_be_switched_off(tmp_path):
    async with open_harness(chosen(tmp_path, flags=False)) as harness:
        said = harness.message(GERMAN, author="bob", direct=False)
        await harness.hand_in(said)
        assert await harness.hand_in(flag(harness, "🇫🇷", said.key)) == []


# --- with a real server ---


@asynccontextmanager
async def served(tmp_path, server: FakeEndpoint):
    async with server.serving():
        settings = chosen(tmp_path).model_copy(
            update={"endpoint": EndpointSettings(url=server.url, model="tiny", seconds=5)}
        )
        async with open_harness(settings) as harness, open_endpoint(settings) as endpoint:
            models = ComposedModels(NoModels(), endpoint)
            harness.bot.answering._models = models
            yield harness


async def test_by_a_chat_model(tmp_path):
    server = FakeEndpoint(answer=lambda body: last_turn(body).replace("Good morning", "Guten Morgen"))
    async with served(tmp_path, server) as harness:
        reply = await harness.say("/translate de Good morning <@12>, see `x` and https://example.org")
    assert reply.startswith("Guten Morgen <@12>, see `x` and https://example.org\n")
    (body,) = server.requests
    assert body["messages"][1]["content"].count("⟦") == 3
    assert "<@12>" not in body["messages"][1]["content"]


async def test_a_server_that_is_down_is_said(tmp_path):
    server = FakeEndpoint(statuses=[(503, {"Retry-After": "60"})])
    async with served(tmp_path, server) as harness:
        reply = await harness.say("/translate de Good morning everyone")
    assert reply == "The models cannot answer now: The models are busy. Try again in 60 seconds."


async def test_a_model_that_chatters_is_refused(tmp_path):
    server = FakeEndpoint(answer=lambda body: "I would be glad to help you with that! " * 30)
    async with served(tmp_path, server) as harness:
        reply = await harness.say("/translate de Good morning everyone")
    assert reply.startswith("No translation came back that keeps what must stay")
