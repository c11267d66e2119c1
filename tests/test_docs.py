"""What the documents show is what happens: their code runs, their commands exist, their links lead on."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.settings import load_settings

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
TUTORIAL = ROOT / "docs" / "tutorial" / "first-plugin.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILE = re.compile(r"# ([\w/.-]+\.(?:py|toml|ini))\n")
COMMAND = re.compile(r"(?:^|[\s`/|])parley ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*(?: [^`\n#]*)?)")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, and the file its first line names, if any."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        named = FILE.match(self.text)
        return named.group(1) if named else None


def blocks(page: Path) -> Iterator[Block]:
    for language, text in BLOCK.findall(page.read_text("utf-8")):
        yield Block(language, text)


def run_tests(folder: Path) -> str:
    """Run pytest on the files of a page; the closing line."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        str(folder),
    ]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-2000:]
    return run.stdout.strip().splitlines()[-1]


def write_and_run(page: Path, folder: Path) -> list[str]:
    """Write the files in the order of the page; whenever a test file is complete, run it."""
    verdicts = []
    found = [block for block in blocks(page) if block.file]
    names = [block.file or "" for block in found]
    config = next(
        (block.text for block in found if block.file == "pytest.ini"), "[pytest]\nasyncio_mode = auto\n"
    )
    (folder / "pytest.ini").write_text(config, "utf-8")
    for name, block in zip(names, found, strict=True):
        (folder / name).write_text(block.text, "utf-8")
        if Path(name).name.startswith("test_"):
            verdicts.append(run_tests(folder))
    return verdicts


def test_the_tutorial_works_as_written(tmp_path: Path) -> None:
    verdicts = write_and_run(TUTORIAL, tmp_path)
    assert [re.match(r"\d+ passed", verdict) is not None for verdict in verdicts] == [True, True]
    settings = load_settings(tmp_path / "parley.toml")
    assert settings.plugin == {"dice": {"sides": 20}}


def test_the_connector_of_the_how_to_works_as_written(tmp_path: Path) -> None:
    assert len(write_and_run(ROOT / "docs" / "how-to" / "write-a-connector.md", tmp_path)) == 1


def test_the_observer_of_the_how_to_works_as_written(tmp_path: Path) -> None:
    assert len(write_and_run(ROOT / "docs" / "how-to" / "write-an-observer.md", tmp_path)) == 1


def test_the_buttons_of_the_how_to_work_as_written(tmp_path: Path) -> None:
    assert len(write_and_run(ROOT / "docs" / "how-to" / "offer-buttons-and-forms.md", tmp_path)) == 1


def test_the_plugin_of_the_readme_works_as_written(tmp_path: Path) -> None:
    conftest = next(block for block in blocks(TUTORIAL) if block.file == "conftest.py")
    (tmp_path / "conftest.py").write_text(conftest.text, "utf-8")
    assert len(write_and_run(ROOT / "README.md", tmp_path)) == 1


def test_every_python_block_is_run_or_compiles() -> None:
    """Blocks that name a file are run where their page has a test; the others must at least be Python."""
    for page in PAGES:
        for number, block in enumerate(blocks(page), start=1):
            if block.language == "python":
                compile(block.text, f"{page.name}, block {number}", "exec")


def test_a_broken_block_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\n# test_page.py\ndef test_it():\n    assert 1 == 2\n```\n", "utf-8")
    with pytest.raises(AssertionError, match="1 failed"):
        write_and_run(page, tmp_path)


def commands(page: Path) -> Iterator[list[str]]:
    """The words behind every `parley` of a page's shell blocks and inline code."""
    shell = "\n".join(block.text for block in blocks(page) if block.language == "sh")
    inline = "\n".join(re.findall(r"`([^`\n]*parley [^`\n]*)`", page.read_text("utf-8")))
    for line in f"{shell}\n{inline}".splitlines():
        for found in COMMAND.finditer(line):
            yield shlex.split(re.split(r"[|>;&]", found.group(1))[0])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_line_exists(page: Path) -> None:
    from typer.main import get_command

    from bot.cli import app

    for words in commands(page):
        command, path = get_command(app), "parley"
        while words and words[0] in getattr(command, "commands", {}):
            command, path = command.commands[words[0]], f"{path} {words[0]}"
            words = words[1:]
        assert path != "parley", f"{page.name} names 'parley {' '.join(words)}', which does not exist"
        assert not hasattr(command, "commands") or not words, f"{page.name}: '{path}' has no {words}"
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        used = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert used <= known, f"{page.name}: '{path}' has no {used - known}"


def test_every_target_of_make_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    for page in PAGES:
        text = page.read_text("utf-8")
        shell = "\n".join(block.text for block in blocks(page) if block.language == "sh")
        named = set(re.findall(r"`make ([a-z-]+)", text)) | set(
            re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)
        )
        assert named <= targets, f"{page.name} names make {named - targets}"


def test_every_environment_variable_is_a_setting() -> None:
    reference = (ROOT / "docs" / "reference" / "settings.md").read_text("utf-8") + "PARLEY_CONFIG"
    for page in PAGES:
        for variable in re.findall(r"PARLEY_[A-Z_]+", page.read_text("utf-8")):
            assert variable in reference or variable == "PARLEY_SECTION__FIELD", f"{page.name}: {variable}"


def test_every_toml_block_is_valid_settings(tmp_path: Path) -> None:
    for page in PAGES:
        for block in blocks(page):
            if block.language == "toml":
                file = tmp_path / "parley.toml"
                file.write_text(block.text, "utf-8")
                load_settings(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if "://" not in target and not target.startswith("#"):
            assert (page.parent / target.partition("#")[0]).exists(), f"{page.name}: {target}"


def test_every_page_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    for page in (ROOT / "docs").rglob("*.md"):
        name = page.relative_to(ROOT / "docs").as_posix()
        assert name == "README.md" or f"({name})" in index, f"docs/README.md does not list {name}"


def test_the_tree_of_the_architecture_names_every_module() -> None:
    tree = (ROOT / "docs" / "discussions" / "architecture.md").read_text("utf-8")
    for place in (ROOT / "bot").iterdir():
        if place.suffix == ".py" or (place / "__init__.py").exists():
            name = place.name if place.suffix else f"{place.name}/"
            assert re.search(rf"^  {re.escape(name)} ", tree, re.MULTILINE), f"bot/{name} is not in the tree"
