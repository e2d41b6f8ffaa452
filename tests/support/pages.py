"""The pages of this project, and the blocks of code in them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
DOCS = PROJECT / "docs"
PAGES = (
    *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "cdi_sandbox/README.md")),
    *sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts),
)

_FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
#: What stands right above a block, and says who runs it or why nobody does.
_MARK = re.compile(r"<!-- (.+?) -->\s*\Z")
#: A file's name in the sentence above a block: the block is what the file holds.
_NAMED = re.compile(r"`([\w/]+\.py)`[^`]*\Z")
_INLINE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


@dataclass(frozen=True)
class Block:
    """A block of code.

    :param page: the file that it stands in.
    :param line: of its first line of code.
    :param language: as the fence says.
    :param text: the code, without the page's indentation.
    :param above: the page up to the block.
    """

    page: Path
    line: int
    language: str
    text: str
    above: str

    @property
    def mark(self) -> str:
        """What the comment right above says; empty when there is none."""
        found = _MARK.search(self.above)
        return found[1] if found else ""

    @property
    def file_name(self) -> str:
        """The file as which a reader saves the block; empty when the page names none."""
        found = _NAMED.search(self.above.rstrip().rpartition("\n\n")[2])
        return found[1] if found else ""

    @property
    def place(self) -> str:
        """Where it stands, for a person."""
        return f"{name_of(self.page)}:{self.line}"


def name_of(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def blocks(page: Path, *languages: str) -> list[Block]:
    """Return a page's blocks in these languages, in all when none is named."""
    return [block for block in _all_blocks(page) if not languages or block.language in languages]


def all_blocks(*languages: str) -> list[Block]:
    return [block for page in PAGES for block in blocks(page, *languages)]


def _all_blocks(page: Path) -> Iterator[Block]:
    text = page.read_text()
    for found in _FENCE.finditer(text):
        above = text[: found.start()]
        yield Block(page, above.count("\n") + 2, found[2], textwrap.dedent(found[3]), above)


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def inline_code(page: Path) -> list[str]:
    """Return what stands between backticks in a page's sentences."""
    return _INLINE.findall(without_blocks(page.read_text()))


def write_block(page: Path, block: Block, text: str) -> None:
    """Put a text into the place of a block of a page.

    :param page: the file.
    :param block: of it.
    :param text: with an end of line.
    """
    lines = page.read_text().splitlines(keepends=True)
    lines[block.line - 1 : block.line - 1 + block.text.count("\n")] = [text]
    page.write_text("".join(lines))
