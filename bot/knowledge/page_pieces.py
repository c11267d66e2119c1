"""Take a web page apart into its paragraphs, with their tags, and put it together again."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lxml import etree, html  # type: ignore[import-untyped]

from bot.errors import UnreadableDocument
from bot.knowledge.pieces import Piece, Rewritable
from bot.knowledge.webpage import BLOCKS

APART = BLOCKS | {"br", "button", "caption", "hr", "img", "input", "label", "legend", "option", "td", "title"}
UNTOUCHED = frozenset(
    (
        "code",
        "iframe",
        "kbd",
        "math",
        "object",
        "pre",
        "samp",
        "script",
        "style",
        "svg",
        "template",
        "textarea",
    )
)
SPOKEN_ATTRIBUTES = ("alt", "title", "placeholder")
WHOLE = (b"<html", b"<!doctype", b"<body", b"<head")


@dataclass(slots=True)
class _Place:
    """The text in an element, or behind it."""

    element: Any
    name: str

    @property
    def text(self) -> str:
        return str(getattr(self.element, self.name) or "")

    @text.setter
    def text(self, text: str) -> None:
        setattr(self.element, self.name, text)


@dataclass(slots=True)
class _Attribute:
    """What an attribute says to people."""

    element: Any
    name: str

    @property
    def text(self) -> str:
        return str(self.element.get(self.name) or "")

    @text.setter
    def text(self, text: str) -> None:
        self.element.set(self.name, text)


def open_page(text: str) -> Rewritable:
    """A piece for each run of text that no block interrupts; scripts, styles and code stay as they are."""
    source = text.encode("utf-8", "replace")
    parser = html.HTMLParser(encoding="utf-8", no_network=True)
    try:
        tree = etree.parse(io.BytesIO(source), parser)
    except etree.XMLSyntaxError:
        raise UnreadableDocument("The page holds no text.") from None
    root = tree.getroot()
    if root is None:
        raise UnreadableDocument("The page holds no text.")
    is_whole = any(tag in source[:4096].lower() for tag in WHOLE)
    return Rewritable(
        [Piece(slots) for slots in _runs(root)], lambda: _saved(tree) if is_whole else _fragment(root)
    )


def _runs(root: Any) -> Iterator[list[_Place] | list[_Attribute]]:
    run: list[_Place] = []
    skipped = None
    for event, element in etree.iterwalk(root, events=("start", "end", "comment", "pi")):
        if skipped is None and event == "start":
            if _is_apart(element):
                yield run
                run = []
            yield from ([_Attribute(element, name)] for name in SPOKEN_ATTRIBUTES if element.get(name))
            if _is_untouched(element):
                skipped = element
            else:
                run.append(_Place(element, "text"))
        elif event != "start" and (skipped is None or skipped is element):
            skipped = None
            if _is_apart(element):
                yield run
                run = []
            run.append(_Place(element, "tail"))
    yield run


def _is_apart(element: Any) -> bool:
    return element.tag in APART or element.tag == "pre"


def _is_untouched(element: Any) -> bool:
    return element.tag in UNTOUCHED or element.get("translate") == "no"


def _saved(tree: Any) -> bytes:
    """The page in UTF-8, saying so."""
    for meta in tree.getroot().iter("meta"):
        if meta.get("charset"):
            meta.set("charset", "utf-8")
        if (meta.get("http-equiv") or "").lower() == "content-type":
            meta.set("content", "text/html; charset=utf-8")
    doctype = tree.docinfo.doctype or None
    return bytes(etree.tostring(tree.getroot(), method="html", encoding="utf-8", doctype=doctype))


def _fragment(root: Any) -> bytes:
    """What stands in the body that the parser put around it."""
    body = root.find("body")
    if body is None:
        return bytes(etree.tostring(root, method="html", encoding="utf-8"))
    inner = b"".join(etree.tostring(each, method="html", encoding="utf-8") for each in body)
    return (body.text or "").encode() + inner
