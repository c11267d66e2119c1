"""Translate texts, messages and files, leaving code, names of people and places, links and numbers alone."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Annotated

from bot import (
    Attachment,
    BadInput,
    Context,
    EventKind,
    Observer,
    PluginSettings,
    Reply,
    Settings,
    Skill,
    Suggest,
    Word,
    hookimpl,
    language_code,
    language_name,
    language_names,
    skill,
)
from plugins.translation.automatic import automatic
from plugins.translation.detection import detect
from plugins.translation.documents import open_file, same
from plugins.translation.flags import reactions
from plugins.translation.keeping import prose
from plugins.translation.model import BUILT_IN, ROLE
from plugins.translation.rendering import Original, Way, rendered
from plugins.translation.request import WHAT, read_request
from plugins.translation.settings import TranslationSettings
from plugins.translation.work import Translator

DEADLINE_SECONDS = 120.0
DEADLINE_SHARE = 0.9
NOBODY = (
    "Nothing here can translate yet. The operator can change that: name the folder of a translation model in "
    "[models.translation], or set endpoint.url and endpoint.model to a server with a chat model."
)
UNKNOWN = "I cannot translate that message: it was written before I was here, or it is gone."


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
    reactions=reactions(),
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
    text: Annotated[str, "what to translate; nothing in reply to a message, or with a file"] = "",
) -> Reply | None:
    """Translate a text, a file, or the message you reply to, so that you alone see it.

    Code, mentions, channels, emoji, links and numbers stay as they are. Without a language it is
    yours, as far as the platform tells it, or the operator's choice. A file (txt, md, docx or html) is
    sent with the command and comes back with its looks. A flag put under a message translates it, too.
    """
    request = read_request(language, text, is_form=context.message.call is not None)
    settings = context.settings(TranslationSettings)
    target = request.target or language_code(context.message.language) or settings.language
    file = next((each for each in context.message.attachments if not each.is_audio), None)
    if file is not None and not request.text:
        return await _translated_file(context, file, target)
    original = await _original(context, request.text)
    if len(original.text) > settings.characters:
        raise BadInput(
            f"That is longer than {settings.characters:,} characters. Send it in parts, or as a file."
        )
    source = await detect(prose(original.text))
    if refusal := _refusal(context, original, source, target):
        return Reply(refusal) if context.message.kind is not EventKind.REACTED else None
    translator, way = _translator(context, source, target)
    return rendered(await translator.translate(original.text), original, way)


@hookimpl
def register_settings(register: Callable[[type[PluginSettings]], None]) -> None:
    """Declare [plugin.translation]."""
    register(TranslationSettings)


@hookimpl
def register_skills(register: Callable[[Skill], None], settings: Settings) -> None:
    """Offer translate, with flags unless the operator switched these off."""
    with_flags = settings.plugin.get("translation", {}).get("flags", True)
    register(translate if with_flags else replace(translate, reactions={}))


@hookimpl
def register_observers(register: Callable[[Observer], None], settings: Settings) -> None:
    """Watch where everything is to be translated; nowhere unless the operator names places."""
    if settings.plugin.get("translation", {}).get("automatic"):
        register(automatic)


async def _translated_file(context: Context, file: Attachment, target: str) -> Reply:
    document = await open_file(context, file, most=context.settings(TranslationSettings).document_characters)
    if document.source == target:
        return Reply(same(file.name, target))
    if ROLE not in context.models.roles():
        return Reply(NOBODY)
    return await document.translated(*_translator(context, document.source, target))


async def _original(context: Context, text: str) -> Original:
    """What is to be translated: what was given, or the message that is replied to."""
    if text:
        return Original(text, is_shown=context.message.call is None)
    said = await context.history.quoted()
    if said is None:
        raise BadInput(UNKNOWN if context.message.kind is EventKind.REACTED else WHAT)
    if not said.text.strip():
        raise BadInput(
            "That message has no text to translate. Send a file with `/translate de` to translate it."
        )
    return Original(said.text, link=said.link)


def _refusal(context: Context, original: Original, source: str, target: str) -> str:
    """Why there is nothing to translate, or nothing that could; a flag may mean something else then."""
    if not prose(original.text):
        return "There are no words in it to translate."
    if source == target:
        return f"This is {language_name(target)} already. Name another language: `/translate de …`."
    return "" if ROLE in context.models.roles() else NOBODY


def _translator(context: Context, source: str, target: str) -> tuple[Translator, Way]:
    translator = Translator(
        context.models,
        source,
        target,
        glossary=context.settings(TranslationSettings).words(target),
        priority=context.message.priority,
        seconds=context.deadline * DEADLINE_SHARE,
    )
    return translator, Way(source, target, is_small=context.models.origin(ROLE) == BUILT_IN)
