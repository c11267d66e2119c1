"""Read web pages into sections."""

from __future__ import annotations

from lxml import etree, html  # type: ignore[import-untyped]

from bot.errors import UnreadableDocument
from bot.knowledge.section import Outline, Section, rows_as_text

HIDDEN = frozenset(("script", "style", "noscript", "template", "head", "nav", "svg", "iframe", "form"))
_BLOCKS = """
address article aside blockquote body br dd details div dl dt figcaption figure footer h1 h2 h3 h4 h5 h6
header hr li main ol p pre section summary table tbody td tfoot th thead tr ul
"""
BLOCKS = frozenset(_BLOCKS.split())


def read_html(text: str) -> tuple[str, tuple[Section, ...]]:
    """What a browser would show, without navigation; the title is the page's own."""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True)
    try:
        root = html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.ParserError, ValueError):
        raise UnreadableDocument("The page holds no text.") from None
    title = root.findtext(".//title") or ""
    walk = _Page()
    walk.read(root)
    return " ".join(title.split()), walk.outline.sections()


class _Page:
    """Walks a page in reading order without recursion, so that deep nesting does no harm."""

    def __init__(self) -> None:
        self.outline = Outline()
        self._text: list[str] = []
        self._line = 0

    def read(self, root: html.HtmlElement) -> None:
        skipped: html.HtmlElement | None = None
        for event, element in etree.iterwalk(root, events=("start", "end")):
            if skipped is None and event == "start":
                if element.tag in HIDDEN:
                    skipped = element
                else:
                    self._start(element)
            elif event == "end":
                if skipped is None:
                    self._end(element)
                elif skipped is element:
                    skipped = None
                if skipped is None:
                    self._say(element.tail, element)
        self._flush()

    def _start(self, element: html.HtmlElement) -> None:
        if element.tag == "table" or (element.tag in BLOCKS and not _in_row(element)):
            self._flush()
        self._say(element.text, element)

    def _end(self, element: html.HtmlElement) -> None:
        tag = element.tag
        if tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            heading, self._text = " ".join("".join(self._text).split()), []
            self.outline.enter(int(tag[1]), heading)
        elif tag == "tr":
            self._text = [_row_text(element)]
            self._flush()
        elif tag in BLOCKS and not _in_row(element):
            self._flush()

    def _say(self, text: str | None, element: html.HtmlElement) -> None:
        if text and text.strip() and not "".join(self._text).strip():
            self._line = element.sourceline or 0
        if text:
            self._text.append(text)

    def _flush(self) -> None:
        text = " ".join("".join(self._text).split())
        self._text = []
        self.outline.add(text, f"line {self._line}" if self._line else "")


def _in_row(element: html.HtmlElement) -> bool:
    return any(parent.tag == "tr" for parent in element.iterancestors("tr", "table"))


def _row_text(row: html.HtmlElement) -> str:
    cells = [" ".join(cell.text_content().split()) for cell in row.iterchildren("td", "th")]
    table = next(row.iterancestors("table"), None)
    first = next(table.iter("tr"), None) if table is not None else None
    if first is None or first is row:
        return "" if table is not None and _is_header(row) else "; ".join(filter(None, cells))
    header = [" ".join(cell.text_content().split()) for cell in first.iterchildren("td", "th")]
    rows = [(1, header), (2, cells)]
    return next((text for number, text in rows_as_text(rows) if number == 2), "")


def _is_header(row: html.HtmlElement) -> bool:
    return len(row) > 1 and all(cell.tag == "th" for cell in row)
