"""Turn Markdown into HTML that can do nothing: no raw HTML, no pictures, harmless links, citations."""

from __future__ import annotations

import re
from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markupsafe import Markup

SCHEMES = {"http", "https", "mailto"}
MARKER = re.compile(r"\[(\d{1,2})\](?![(\[:])")
LANGUAGE = re.compile(r"[\w+#.-]{1,20}")
TAGS = (
    {"a", "blockquote", "br", "button", "code", "del", "div", "em", "hr", "li", "ol", "p", "pre", "s", "span"}
    | {"h1", "h2", "h3", "h4", "h5", "h6", "strong", "sup", "ul"}
    | {"table", "tbody", "td", "th", "thead", "tr"}
)
ATTRIBUTES = {
    "a": {"href", "title", "target"},
    "button": {"type", "class", "data-cite", "aria-label"},
    "div": {"class", "tabindex", "role", "aria-label"},
    "ol": {"start"},
    "pre": {"tabindex"},
    "span": {"class"},
    "td": {"style"},
    "th": {"style"},
}


def render(text: str, *, citations: Sequence[str] = (), copy: str = "Copy") -> Markup:
    """The text as safe HTML. `[1]` becomes a button when the first of `citations` (their labels) exists.

    `copy` is the label of the button over a block of code.
    """
    environment = {"citations": citations, "copy": copy}
    html = _MARKDOWN.render(text, environment)
    return Markup(_CLEANER.clean(html))  # noqa: S704 - cleaned by an allow-list


def plain(text: str) -> str:
    """The text without Markdown's marks, in one line, for titles and comparisons."""
    return " ".join(re.sub(r"[*_`#>|~]|\[\d{1,2}\]", " ", text).split())


def _is_harmless(url: str) -> bool:
    scheme, colon, _ = url.strip().partition(":")
    return not colon or scheme.casefold() in SCHEMES or not re.fullmatch(r"[a-zA-Z][\w+.-]*", scheme)


def _citation(state: StateInline, silent: bool) -> bool:
    marker = MARKER.match(state.src, state.pos, state.posMax)
    if marker is None or not 1 <= int(marker[1]) <= len(state.env.get("citations", ())):
        return False
    if not silent:
        state.push("citation", "", 0).content = marker[1]
    state.pos = marker.end()
    return True


def _render_citation(_: RendererHTML, tokens: Sequence[Token], index: int, __: Any, environment: Any) -> str:
    number = tokens[index].content
    label = escape(environment["citations"][int(number) - 1], quote=True)
    button = f'<button type="button" class="cite" data-cite="{number}" aria-label="{label}">{number}</button>'
    return f"<sup>{button}</sup>"


def _render_link(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, environment: Any
) -> str:
    tokens[index].attrSet("target", "_blank")
    return renderer.renderToken(tokens, index, options, environment)


def _render_image(
    renderer: RendererHTML, tokens: Sequence[Token], index: int, options: Any, environment: Any
) -> str:
    """A link in the picture's place: loading it would tell its server who reads this."""
    token = tokens[index]
    label = renderer.renderInlineAsText(token.children or [], options, environment)
    address = escape(str(token.attrGet("src") or ""), quote=True)
    return f'<a href="{address}" target="_blank">{escape(label) or address}</a>'


def _render_code(_: RendererHTML, tokens: Sequence[Token], index: int, __: Any, environment: Any) -> str:
    token = tokens[index]
    word = (token.info or "").strip().split(" ")[0]
    language = word if LANGUAGE.fullmatch(word) else ""
    copy = escape(environment["copy"], quote=True)
    return (
        f'<div class="code"><div class="code-head"><span>{escape(language)}</span>'
        f'<button type="button" class="copy">{copy}</button></div>'
        f'<pre tabindex="0"><code>{escape(token.content)}</code></pre></div>\n'
    )


def _render_table(
    _: RendererHTML, tokens: Sequence[Token], index: int, __: Any, ___: MutableMapping[str, Any]
) -> str:
    return '<div class="table" tabindex="0"><table>' if tokens[index].nesting == 1 else "</table></div>"


def _build() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    markdown.enable(["table", "strikethrough"])
    markdown.validateLink = _is_harmless  # type: ignore[method-assign]
    markdown.inline.ruler.before("link", "citation", _citation)
    for name, rule in {
        "citation": _render_citation,
        "link_open": _render_link,
        "image": _render_image,
        "fence": _render_code,
        "code_block": _render_code,
        "table_open": _render_table,
        "table_close": _render_table,
    }.items():
        markdown.add_render_rule(name, rule)
    return markdown


_MARKDOWN = _build()
_CLEANER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    url_schemes=SCHEMES,
    link_rel="noopener noreferrer nofollow",
    filter_style_properties={"text-align"},
)
