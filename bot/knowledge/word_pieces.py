"""Take a Word document apart into its paragraphs, with their runs, and put it together again."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from bot.knowledge.pieces import Piece, Rewritable

NAMESPACE = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
PARAGRAPH, RUN, TEXT, LOOK = (f"{NAMESPACE}{name}" for name in ("p", "r", "t", "rPr"))
DELETED, FIELD = f"{NAMESPACE}del", f"{NAMESPACE}fldSimple"
PARTS = re.compile(r"/word/(document|header\d*|footer\d*|footnotes|endnotes)\.xml")
SPACE = "{http://www.w3.org/XML/1998/namespace}space"


class _Run:
    """Text nodes that follow each other and look the same, as one slot."""

    def __init__(self, nodes: Sequence[Any]) -> None:
        self._nodes = nodes

    @property
    def text(self) -> str:
        return "".join(node.text or "" for node in self._nodes)

    @text.setter
    def text(self, text: str) -> None:
        for node in self._nodes:
            node.text = ""
        self._nodes[0].text = text
        self._nodes[0].set(SPACE, "preserve")


def open_word(content: bytes) -> Rewritable:
    """A piece for each paragraph: of the text, tables, boxes, notes, headers and footers."""
    import docx

    document = docx.Document(io.BytesIO(content))
    roots: list[tuple[Any, Any]] = []
    for part in document.part.package.iter_parts():
        if PARTS.fullmatch(str(part.partname)):
            root = getattr(part, "element", None)
            roots.append((part, _parsed(part.blob) if root is None else root))

    def save() -> bytes:
        for part, root in roots:
            if getattr(part, "element", None) is None:
                part._blob = etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True)
        saved = io.BytesIO()
        document.save(saved)
        return saved.getvalue()

    return Rewritable([piece for _, root in roots for piece in _pieces(root)], save)


def _parsed(blob: bytes) -> Any:
    return etree.fromstring(blob, etree.XMLParser(resolve_entities=False, no_network=True))


def _pieces(root: Any) -> Iterator[Piece]:
    for paragraph in root.iter(PARAGRAPH):
        yield Piece([_Run(nodes) for nodes in _runs(_own_texts(paragraph))])


def _own_texts(paragraph: Any) -> Iterator[Any]:
    """The text nodes of a paragraph, but for those of a box in it, deleted ones and fields."""
    for node in paragraph.iter(TEXT):
        above = [each.tag for each in node.iterancestors(PARAGRAPH, DELETED, FIELD)]
        if above[0] == PARAGRAPH and node.getparent().tag == RUN:
            yield node


def _runs(nodes: Iterable[Any]) -> Iterator[list[Any]]:
    """Nodes that follow each other, nothing between them, and look the same."""
    together: list[Any] = []
    for node in nodes:
        if together and not _same(together[-1], node):
            yield together
            together = []
        together.append(node)
    if together:
        yield together


def _same(left: Any, right: Any) -> bool:
    one, other = left.getparent(), right.getparent()
    if left.getnext() is not None or any(each.tag != LOOK for each in right.itersiblings(preceding=True)):
        return False
    between = one.itersiblings(RUN, preceding=False)
    follows = one.getparent() is other.getparent() and next(between, None) is other
    return follows and _look(one) == _look(other)


def _look(run: Any) -> bytes:
    look = run.find(LOOK)
    return b"" if look is None else bytes(etree.tostring(look, method="c14n"))
