"""The process that opens other people's files, with little memory, little time and nothing to write to.

It reads requests from standard input and answers on standard output, each a frame: four bytes of
length (big endian), that many bytes of JSON; a request is followed by the file's content. It ends
with its input.
"""

from __future__ import annotations

import base64
import json
import math
import resource
import sys
import time
from collections.abc import Sequence
from typing import Any, BinaryIO

from bot.errors import UnreadableDocument
from bot.knowledge.kinds import Kind, decode, kind_of
from bot.knowledge.section import Section

MOST_TEXT = 10_000_000
OPEN_FILES = 64
BROKEN = "The file is damaged. Open it in its own program and save it again."


def main() -> None:
    """Answer requests until standard input ends. Arguments: memory in MiB, CPU seconds per file."""
    memory, seconds = int(sys.argv[1]), float(sys.argv[2])
    _limit(resource.RLIMIT_AS, memory * 2**20)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    _limit(resource.RLIMIT_CORE, 0)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    while header := source.read(4):
        request = json.loads(source.read(int.from_bytes(header)))
        content = source.read(request["size"])
        _limit_time(seconds)
        _send(sink, _answer(request, content))


def read(name: str, content: bytes) -> tuple[Kind, str, tuple[Section, ...]]:
    """Kind, title and sections of a file. Raises UnreadableDocument."""
    kind = kind_of(name, content)
    title, sections = _reader(kind)(content)
    length = sum(len(block.text) for section in sections for block in section.blocks)
    if length > MOST_TEXT:
        raise UnreadableDocument(
            f"The file holds {length:,} characters; at most {MOST_TEXT:,} are read. Split it."
        )
    if not length:
        raise UnreadableDocument("The file holds no text.")
    return kind, title, sections


def _rewritten(name: str, content: bytes, texts: Sequence[str] | None) -> list[str] | str:
    """The texts of a file that can be written again; given others, the file with these, in base 64."""
    from bot.knowledge.rewritable import open_document

    document = open_document(name, content)
    pieces = [each for each in document.pieces if not each.is_empty]
    if texts is None:
        return [each.text for each in pieces]
    for piece, text in zip(pieces, texts, strict=True):
        piece.put(text)
    return base64.b64encode(document.save()).decode()


def _reader(kind: Kind) -> Any:
    from bot.knowledge import office, text

    if kind is Kind.PDF:
        from bot.knowledge.pdf import read_pdf

        return read_pdf
    if kind is Kind.HTML:
        from bot.knowledge.webpage import read_html

        return lambda content: read_html(decode(content))
    offices = {Kind.DOCX: office.read_docx, Kind.PPTX: office.read_pptx, Kind.XLSX: office.read_xlsx}
    if kind in offices:
        return lambda content: offices[kind](office.checked(content))
    texts = {Kind.MARKDOWN: text.read_markdown, Kind.CSV: text.read_csv}
    return lambda content: texts.get(kind, text.read_text)(decode(content))


def _answer(request: dict[str, Any], content: bytes) -> dict[str, Any]:
    try:
        if "texts" in request:
            return {"rewritten": _rewritten(request["name"], content, request["texts"])}
        kind, title, sections = read(request["name"], content)
    except UnreadableDocument as error:
        return {"error": str(error)}
    except ImportError as error:
        return {"error": f"Reading it needs {error.name}: install parley[documents]."}
    except MemoryError:
        return {"error": "The file needs too much memory to read. Split it, or export it as text."}
    except RecursionError:
        return {"error": "The file is nested too deeply to read. Export it as text."}
    except Exception:  # noqa: BLE001  a wall: whatever a library raises over a stranger's file ends here
        return {"error": BROKEN}
    return {
        "title": title,
        "media_type": kind.value,
        "sections": [
            [section.heading, [[block.text, block.location] for block in section.blocks]]
            for section in sections
        ],
    }


def _send(sink: BinaryIO, answer: dict[str, Any]) -> None:
    packed = json.dumps(answer, ensure_ascii=False).encode("utf-8", "replace")
    sink.write(len(packed).to_bytes(4) + packed)
    sink.flush()


def _limit(kind: int, most: int) -> None:
    """Lower a limit where the system knows it: macOS has no limit of memory."""
    try:
        resource.setrlimit(kind, (most, most))
    except (ValueError, OSError):
        return


def _limit_time(seconds: float) -> None:
    """So much CPU time from now; the system ends the process after it."""
    used = time.process_time()
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(used + seconds) + 1, resource.RLIM_INFINITY))


if __name__ == "__main__":
    main()
