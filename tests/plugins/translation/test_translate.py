"""The skill translate: by command, in reply, from the menu; what it keeps, and what it cannot."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from bot import Call, EventKind
from bot.assembly import open_endpoint
from bot.composed import ComposedModels
from bot.models import NoModels
from bot.settings import EndpointSettings, LimitSettings, Settings
from bot.testing import Harness, RecordingConnector, open_harness
from bot.testing.endpoint import FakeEndpoint, last_turn

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
    assert reply.text == "[de] Good morning, everyone in this room\n\n*English → German*"
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
    assert reply.text.startswith(f"[fr] {GERMAN}\n\n*German → French*")
    assert reply.to_asker


async def test_the_menu_of_a_message_leads_back_to_it(tmp_path):
    async with open_harness(chosen(tmp_path, language="Spanish"), Linked()) as harness:
        said = replace(harness.message(GERMAN, author="bob", direct=False), kind=EventKind.SEEN)
        await harness.hand_in(said)
        asking = replace(harness.message("", direct=False), call=Call("translate"), reply_to=said.key)
        (reply,) = await harness.hand_in(asking)
    assert reply.text == (
        f"[es] {GERMAN}\n\n*German → Spanish* · [original](https://chat.example/{said.key})"
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
    assert reply.text == f"[nl] {GERMAN}\n\n*German → Dutch*\n\n> {GERMAN}"


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
    assert reply.text == "That message has no text to translate."


@pytest.mark.parametrize("text", ["xqzzt vrrk plomp", "Привет hello 你好 שלום", "a" * 15_000, "👍 ok"])
async def test_any_language_is_tried(harness, text):
    assert "[el] " in await harness.say(f"/translate el {text}")


async def test_without_a_model_it_says_what_to_set(harness):
    harness.models.down = True
    assert "set endpoint.url and endpoint.model" in await harness.say(
        "/translate de good morning to everyone"
    )


async def test_no_models_at_all_say_what_to_set():
    with pytest.raises(Exception, match=r"Set endpoint\.url and endpoint\.model"):
        await NoModels().translate(["a"], target="de")


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
