"""How a checkpoint is told which language to write: each kind in its own way."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from bot.errors import BadInput, BadModel
from bot.languages import language_code, language_name, language_names
from bot.worker.catalogue import Entry

TAG = re.compile(r">>(?P<code>\w+)<<")
# M2M100 writes __de__, NLLB deu_Latn, mBART de_DE.
TOKEN = re.compile(r"__(?P<two>[a-z]{2,3})__|(?P<three>[a-z]{3})_[A-Z][a-z]{3}|(?P<locale>[a-z]{2})_[A-Z]{2}")
PAIR = re.compile(r"-(?P<source>[A-Za-z_]+)-(?P<target>[a-z]{2,3})$")
TASK = re.compile(r"translation_(?P<source>[a-z]+)_to_(?P<target>[a-z]+)")
TOLD_IN_WORDS = frozenset({"t5", "mt5", "umt5", "longt5", "switch_transformers"})
ENGLISH = "en"

# The languages that parley knows by name, by their codes of three letters.
_THREE = """
afr af|ara ar|arb ar|aze az|azj az|bel be|bul bg|ben bn|bos bs|cat ca|ces cs|cym cy|dan da|deu de|ell el
eng en|epo eo|spa es|est et|eus eu|fas fa|pes fa|fin fi|fra fr|gle ga|glg gl|guj gu|heb he|hin hi|hrv hr
hun hu|hye hy|ind id|isl is|ita it|jpn ja|kat ka|kaz kk|khm km|kan kn|kor ko|lat la|lit lt|lav lv|lvs lv
mkd mk|mal ml|mon mn|khk mn|mar mr|msa ms|zsm ms|mlt mt|mya my|nep ne|npi ne|nld nl|nor no|nob no|pan pa
pol pl|por pt|ron ro|rus ru|slk sk|slv sl|sqi sq|als sq|srp sr|swe sv|swa sw|swh sw|tam ta|tel te|tha th
tgl tl|tur tr|ukr uk|urd ur|uzb uz|uzn uz|vie vi|zho zh|cmn zh
"""
THREE = dict(pair.split() for line in _THREE.strip().split("\n") for pair in line.split("|"))


@dataclass(frozen=True, slots=True)
class Frame:
    """The tokens before and after a text, and the one that what is written begins with, if it is forced."""

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    first: int | None = None


class Targets(Protocol):
    """What a checkpoint writes."""

    def frame(self, target: str, source: str) -> Frame:
        """How to ask for `target`; an empty `source` is not known. Raises BadInput where it cannot."""


def targets_of(tokenizer: Any, config: Any, entry: Entry) -> Targets:
    """How a checkpoint is asked. Raises BadModel when it does not tell which language it writes."""
    listed = (getattr(tokenizer, name, ()) for name in ("supported_language_codes", "lang_token_to_id"))
    vocabulary = sorted(set(tokenizer.get_added_vocab()).union(*listed))
    if tags := codes_of(vocabulary, TAG):
        return Tagged(tokenizer, tags)
    if tokens := codes_of(vocabulary, TOKEN):
        return Marked(tokenizer, tokens)
    if config.model_type in TOLD_IN_WORDS:
        return Told(tokenizer, getattr(config, "task_specific_params", None) or {})
    return Pair(tokenizer, *pair_of(tokenizer, entry))


class Tagged:
    """A tag such as `>>de<<` stands before the text: Marian with several targets, and parley's own models."""

    def __init__(self, tokenizer: Any, tags: Mapping[str, str]) -> None:
        self._tokenizer = tokenizer
        self._tags = tags

    def frame(self, target: str, source: str) -> Frame:
        """The tag, and the text as always."""
        tag = self._tokenizer.convert_tokens_to_ids(known(target, self._tags))
        frame = plain(self._tokenizer)
        return Frame((tag, *frame.before), frame.after)


class Marked:
    """Both languages have tokens of their own, the target's is forced to come first: M2M100, NLLB, mBART."""

    def __init__(self, tokenizer: Any, tokens: Mapping[str, str]) -> None:
        self._tokenizer = tokenizer
        self._tokens = tokens
        self._knows_source = hasattr(type(tokenizer), "src_lang")
        self._usual = getattr(tokenizer, "src_lang", None)

    def frame(self, target: str, source: str) -> Frame:
        """The source's token where the tokenizer puts it; English for a source that is not known."""
        first = self._tokenizer.convert_tokens_to_ids(known(target, self._tokens))
        token = self._tokens.get(code(source)) or self._tokens.get(ENGLISH) or min(self._tokens.values())
        before: tuple[int, ...] = ()
        if self._knows_source:
            self._tokenizer.src_lang = code_of_tokenizer(token, self._usual)
        else:
            before = (self._tokenizer.convert_tokens_to_ids(token),)
        frame = plain(self._tokenizer)
        return Frame((*before, *frame.before), frame.after, first)


class Told:
    """Told in English what to do, such as "translate English to German: ": T5 and its kin.

    A configuration that lists its tasks is believed; without a list any language known by name is asked for.
    """

    def __init__(self, tokenizer: Any, tasks: Mapping[str, Any]) -> None:
        self._tokenizer = tokenizer
        self._prefixes = {
            (match["source"], match["target"]): str(choices.get("prefix", ""))
            for name, choices in tasks.items()
            if (match := TASK.fullmatch(name))
        }

    def frame(self, target: str, source: str) -> Frame:
        """The words, and the text as always."""
        frame = plain(self._tokenizer)
        words = self._words(code(target), code(source) or ENGLISH)
        return Frame((*frame.before, *content(self._tokenizer, words.rstrip())), frame.after)

    def _words(self, target: str, source: str) -> str:
        if not self._prefixes:
            names = (language_name(source), language_name(target))
            if names[1] not in language_names():
                raise BadInput(f"The language {target!r} is not known.")
            return f"translate {names[0]} to {names[1]}: "
        if (source, target) not in self._prefixes:
            pairs = (f"{language_name(one)} to {language_name(other)}" for one, other in self._prefixes)
            raise BadInput(f"This model translates {', '.join(sorted(pairs))} alone.")
        return self._prefixes[source, target]


class Pair:
    """One language into one other: Marian's models for a pair. A source "" is any."""

    def __init__(self, tokenizer: Any, source: str, target: str) -> None:
        self._tokenizer = tokenizer
        self._source = source
        self._target = target

    def frame(self, target: str, source: str) -> Frame:
        """The text as always."""
        known(target, {self._target: ""})
        if self._source and code(source) and code(source) != self._source:
            raise BadInput(f"This model translates from {language_name(self._source)} alone.")
        return plain(self._tokenizer)


def pair_of(tokenizer: Any, entry: Entry) -> tuple[str, str]:
    """The languages of a model for one pair: as its tokenizer or the folder's name says. Raises BadModel."""
    source, target = getattr(tokenizer, "source_lang", None), getattr(tokenizer, "target_lang", None)
    if not target and (named := PAIR.search(entry.folder.resolve().name)):
        source, target = named["source"], named["target"]
    if not target:
        raise BadModel(
            f"The model in {entry.folder} does not say which language it writes. Let the folder's name "
            "end with both languages, such as -en-de."
        )
    return language_code(code(source or "")), code(target)


def codes_of(tokens: Iterable[str], shape: re.Pattern[str]) -> dict[str, str]:
    """The token of each language, by its code; of several scripts the first."""
    found: dict[str, str] = {}
    for token in tokens:
        if match := shape.fullmatch(token):
            named = next(filter(None, match.groups()))
            found.setdefault(code(named), token)
    return found


def code(language: str) -> str:
    """The code of two letters where there is one: of `deu`, `pt_BR`, `cmn_Hans`."""
    first = re.split(r"[_-]", language.strip().lower())[0]
    return THREE.get(first) or language_code(language) or language_code(first) or first


def known(target: str, tokens: Mapping[str, str]) -> str:
    """The token of a language. Raises BadInput that names those there are."""
    if not target.strip():
        raise BadInput("The language to translate into is missing.")
    if code(target) not in tokens:
        names = ", ".join(sorted(map(language_name, tokens)))
        raise BadInput(f"This model cannot write {language_name(code(target))}. It writes: {names}.")
    return tokens[code(target)]


def code_of_tokenizer(token: str, usual: str | None) -> str:
    """What a tokenizer takes as a source: that of M2M100 the code in the token, others the token."""
    return token.strip("_") if usual and not TOKEN.fullmatch(usual) else token


def plain(tokenizer: Any) -> Frame:
    """What the tokenizer puts around any text."""
    framed: list[int] = tokenizer("a")["input_ids"]
    bare = content(tokenizer, "a")
    starts: Callable[[int], bool] = lambda place: framed[place : place + len(bare)] == bare  # noqa: E731
    place = next(filter(starts, range(len(framed))), 0)
    return Frame(tuple(framed[:place]), tuple(framed[place + len(bare) :]))


def content(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a text alone."""
    tokens: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return tokens
