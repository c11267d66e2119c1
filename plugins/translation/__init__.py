"""Translate a text or a message, leaving code, names of people and places, links and numbers alone."""

from collections.abc import Callable, Sequence
from typing import Annotated

from pydantic import Field, field_validator

from bot import (
    BadInput,
    Context,
    PluginSettings,
    Reply,
    Skill,
    Suggest,
    Word,
    hookimpl,
    language_code,
    language_name,
    language_names,
    skill,
)
from plugins.translation.detection import detect
from plugins.translation.keeping import prose
from plugins.translation.rendering import Original, rendered
from plugins.translation.request import WHAT, read_request
from plugins.translation.work import Translator

DEADLINE_SECONDS = 120.0
NOBODY = (
    "Nothing here can translate yet. The operator can change that: set endpoint.url and endpoint.model "
    "to a server with a chat model."
)


class TranslationSettings(PluginSettings):
    """How texts are translated."""

    language: str = Field(
        "en",
        description="The language to translate into when none is named and the platform does not tell the "
        "asker's: a code such as de, or its English name.",
    )
    glossary: dict[str, dict[str, str]] = Field(
        {},
        description="Words with a fixed translation, by the language translated into, or all: "
        '[plugin.translation.glossary.de] with lines such as desk = "Schalter".',
    )
    characters: int = Field(20_000, ge=100, description="Longest text, in characters.")

    @field_validator("language")
    @classmethod
    def _known(cls, name: str) -> str:
        return _code(name)

    @field_validator("glossary")
    @classmethod
    def _by_code(cls, glossary: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        return {name if name == "all" else _code(name): words for name, words in glossary.items()}

    def words(self, target: str) -> dict[str, str]:
        """The fixed translations for a language."""
        return self.glossary.get("all", {}) | self.glossary.get(target, {})


async def suggested(context: Context, typed: str) -> Sequence[str]:
    """The languages whose name or code begins with what is typed."""
    wanted = typed.strip().casefold()
    exact = [language_name(code)] if (code := language_code(wanted)) else []
    begun = [name for name in language_names() if name.casefold().startswith(wanted)]
    return list(dict.fromkeys([*exact, *begun]))


@skill(
    menu="Translate",
    to_asker=True,
    deadline=DEADLINE_SECONDS,
    examples=(
        "translate this",
        "translate that message",
        "what does this mean in my language?",
        "翻译一下",
        "翻译这条消息",
    ),
)
async def translate(
    context: Context,
    language: Annotated[
        Word, "the language to translate into, such as de or German", Suggest(suggested)
    ] = "",
    text: Annotated[str, "what to translate; nothing in reply to a message"] = "",
) -> Reply:
    """Translate a text, or the message you reply to, so that you alone see it.

    Code, mentions, channels, emoji, links and numbers stay as they are. Without a language it is
    yours, as far as the platform tells it, or the operator's choice.
    """
    request = read_request(language, text, is_form=context.message.call is not None)
    original = await _original(context, request.text)
    settings = context.settings(TranslationSettings)
    if len(original.text) > settings.characters:
        raise BadInput(f"That is longer than {settings.characters:,} characters. Send it in parts.")
    target = request.target or language_code(context.message.language) or settings.language
    source = await detect(prose(original.text))
    if not prose(original.text):
        return Reply("There are no words in it to translate.")
    if source == target:
        return Reply(f"This is {language_name(target)} already. Name another language: `/translate de …`.")
    if "translation" not in context.models.roles():
        return Reply(NOBODY)
    translator = Translator(context, source, target, settings.words(target))
    return rendered(await translator.translate(original.text), original, source=source, target=target)


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.translation]."""
    register(TranslationSettings)


@hookimpl
def register_skills(register: Callable[[Skill], None]) -> None:
    """Offer translate."""
    register(translate)


async def _original(context: Context, text: str) -> Original:
    """What is to be translated: what was given, or the message that is replied to."""
    if text:
        return Original(text, is_shown=context.message.call is None)
    said = await context.history.quoted()
    if said is None:
        raise BadInput(WHAT)
    if not said.text.strip():
        raise BadInput("That message has no text to translate.")
    return Original(said.text, link=said.link)


def _code(name: str) -> str:
    if code := language_code(name):
        return code
    raise ValueError(f"{name!r} is no language that is known here: write a code such as de")
