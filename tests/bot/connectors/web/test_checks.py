"""Whether the page can be served: what `parley doctor` says of its port and its names."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.connectors.findings import Finding, State
from bot.connectors.web import checks
from bot.settings import Settings, WebSettings


def settings(folder: Path, web: WebSettings | None = None) -> Settings:
    return Settings(data_dir=folder, web=web or WebSettings(port=0))


def only(findings: list[Finding]) -> Finding:
    (finding,) = findings
    return finding


@pytest.fixture
def taken() -> Iterator[int]:
    """A port where something listens that says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_port_of_another_program_is_a_failure(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "PAGE_SECONDS", 0.2)
    finding = only(checks.check_page(settings(tmp_path, web=WebSettings(port=taken))))
    assert finding.state is State.FAILURE
    assert "PARLEY_WEB__PORT" in finding.advice


def test_address_of_another_machine_is_a_failure(tmp_path: Path) -> None:
    finding = checks.check_page(settings(tmp_path, web=WebSettings(host="192.0.2.1")))[0]
    assert finding.state is State.FAILURE
    assert "PARLEY_WEB__HOST" in finding.advice


@pytest.mark.parametrize(
    ("host", "names", "state"),
    [
        ("0.0.0.0", (), State.WARNING),
        ("0.0.0.0", ("chat.example.org",), State.OK),
        ("127.0.0.1", ("https://chat.example.org/",), State.FAILURE),
        ("127.0.0.1", ("chat.example.org:8080",), State.FAILURE),
    ],
)
def test_names_of_the_page_are_held_against_its_address(
    tmp_path: Path, host: str, names: tuple[str, ...], state: State
) -> None:
    web = WebSettings(host=host, port=0, allowed_hosts=names)
    assert checks.check_page(settings(tmp_path, web=web))[-1].state is state


def test_page_of_this_machine_alone_needs_no_names(tmp_path: Path) -> None:
    assert only(checks.check_page(settings(tmp_path))).state is State.OK
