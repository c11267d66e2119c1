"""parley's public face: what a plugin may import, and nothing else.

Names are imported when they are first used, so that `parley --help` stays quick.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.app import Bot
    from bot.connector import Connector, Outgoing
    from bot.controls import Button, Choice, Field, Form, Look, Menu
    from bot.errors import (
        BadArguments,
        BadInput,
        BrokenPlugin,
        DeliveryError,
        ModelError,
        ParleyError,
        Refused,
        RetryLater,
        SignInRefused,
        TooLarge,
        Uncertain,
    )
    from bot.examples import ExampleClassifier, Likeness
    from bot.hookspecs import hookimpl
    from bot.jobs import Job, job
    from bot.knowledge.reading import document_passages
    from bot.knowledge.rewriting import document_texts, with_texts
    from bot.knowledge.split import sentences
    from bot.knowledge.words import coverage, question_stems, stems, word_weights
    from bot.languages import language_code, language_name, language_names
    from bot.memory import Notes, Score, Scores
    from bot.message import (
        Attachment,
        Author,
        Call,
        Channel,
        Citation,
        EventKind,
        Message,
        Priority,
        Reply,
        ReplyFile,
    )
    from bot.models import Labels, Models, Span, Speaker, Transcript, Turn, Weight, fenced
    from bot.observers import Observed, Observer, WatchContext, observer
    from bot.parameters import Suggest, Word
    from bot.passage import Knowledge, Passage
    from bot.router import Decision
    from bot.settings import Settings
    from bot.settings.sections import PluginSettings
    from bot.skills import Context, Files, History, Said, Skill, skill

__all__ = [
    "Attachment",
    "Author",
    "BadArguments",
    "BadInput",
    "Bot",
    "BrokenPlugin",
    "Button",
    "Call",
    "Channel",
    "Choice",
    "Citation",
    "Connector",
    "Context",
    "Decision",
    "DeliveryError",
    "EventKind",
    "ExampleClassifier",
    "Field",
    "Files",
    "Form",
    "History",
    "Job",
    "Knowledge",
    "Labels",
    "Likeness",
    "Look",
    "Menu",
    "Message",
    "ModelError",
    "Models",
    "Notes",
    "Observed",
    "Observer",
    "Outgoing",
    "ParleyError",
    "Passage",
    "PluginSettings",
    "Priority",
    "Refused",
    "Reply",
    "ReplyFile",
    "RetryLater",
    "Said",
    "Score",
    "Scores",
    "Settings",
    "SignInRefused",
    "Skill",
    "Span",
    "Speaker",
    "Suggest",
    "TooLarge",
    "Transcript",
    "Turn",
    "Uncertain",
    "WatchContext",
    "Weight",
    "Word",
    "coverage",
    "document_passages",
    "document_texts",
    "fenced",
    "hookimpl",
    "job",
    "language_code",
    "language_name",
    "language_names",
    "observer",
    "question_stems",
    "sentences",
    "skill",
    "stems",
    "with_texts",
    "word_weights",
]

_HOMES = {
    "Attachment": "bot.message",
    "Author": "bot.message",
    "BadArguments": "bot.errors",
    "BadInput": "bot.errors",
    "Bot": "bot.app",
    "BrokenPlugin": "bot.errors",
    "Button": "bot.controls",
    "Call": "bot.message",
    "Channel": "bot.message",
    "Choice": "bot.controls",
    "Citation": "bot.message",
    "Connector": "bot.connector",
    "Context": "bot.skills",
    "Decision": "bot.router",
    "DeliveryError": "bot.errors",
    "EventKind": "bot.message",
    "ExampleClassifier": "bot.examples",
    "Field": "bot.controls",
    "Files": "bot.skills",
    "Form": "bot.controls",
    "History": "bot.skills",
    "Job": "bot.jobs",
    "Knowledge": "bot.passage",
    "Labels": "bot.models",
    "Likeness": "bot.examples",
    "Look": "bot.controls",
    "Menu": "bot.controls",
    "Message": "bot.message",
    "ModelError": "bot.errors",
    "Models": "bot.models",
    "Notes": "bot.memory",
    "Observed": "bot.observers",
    "Observer": "bot.observers",
    "Outgoing": "bot.connector",
    "ParleyError": "bot.errors",
    "Passage": "bot.passage",
    "PluginSettings": "bot.settings.sections",
    "Priority": "bot.message",
    "Refused": "bot.errors",
    "Reply": "bot.message",
    "ReplyFile": "bot.message",
    "RetryLater": "bot.errors",
    "Said": "bot.skills",
    "Score": "bot.memory",
    "Scores": "bot.memory",
    "Settings": "bot.settings",
    "SignInRefused": "bot.errors",
    "Skill": "bot.skills",
    "Span": "bot.models",
    "Speaker": "bot.models",
    "Suggest": "bot.parameters",
    "TooLarge": "bot.errors",
    "Transcript": "bot.models",
    "Turn": "bot.models",
    "Uncertain": "bot.errors",
    "WatchContext": "bot.observers",
    "Weight": "bot.models",
    "Word": "bot.parameters",
    "coverage": "bot.knowledge.words",
    "document_passages": "bot.knowledge.reading",
    "document_texts": "bot.knowledge.rewriting",
    "fenced": "bot.models",
    "hookimpl": "bot.hookspecs",
    "job": "bot.jobs",
    "language_code": "bot.languages",
    "language_name": "bot.languages",
    "language_names": "bot.languages",
    "observer": "bot.observers",
    "question_stems": "bot.knowledge.words",
    "sentences": "bot.knowledge.split",
    "skill": "bot.skills",
    "stems": "bot.knowledge.words",
    "with_texts": "bot.knowledge.rewriting",
    "word_weights": "bot.knowledge.words",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"bot has no {name!r} to offer; it offers {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)
