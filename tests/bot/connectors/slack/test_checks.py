"""What `parley doctor` finds on a Slack in each state, and what it says to click."""

import time
from collections.abc import AsyncIterator
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from slack_sdk.signature import SignatureVerifier

from bot.connectors.findings import Finding, State
from bot.connectors.slack import checks
from bot.connectors.slack.manifest import SCOPES
from bot.settings import Settings, SlackSettings
from bot.testing.slack import FakeSlack


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack().serving() as fake:
        yield fake


async def examine(fake: FakeSlack, **settings: object) -> list[Finding]:
    given = {
        "api_url": fake.api_url,
        "bot_token": SecretStr(fake.bot_token),
        "app_token": SecretStr(fake.app_token),
    }
    chosen = SlackSettings(**(given | settings))  # type: ignore[arg-type]
    found = [each async for each in checks.check_slack(Settings(slack=chosen))]
    for secret in (fake.bot_token, fake.app_token, fake.signing_secret):
        assert secret not in str(found)
    return found


def about(found: list[Finding], what: str) -> Finding:
    (finding,) = [each for each in found if each.what == what]
    return finding


async def test_all_is_well(slack: FakeSlack) -> None:
    found = await examine(slack)
    assert {each.state for each in found} == {State.OK}
    assert "#general" in about(found, "Slack workspace Fake, channels").words
    assert "no open port" in about(found, "Slack Socket Mode").words
    assert slack.violations == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("token_revoked", "revoked"),
        ("account_inactive", "removed from the workspace"),
        ("invalid_auth", "does not know"),
    ],
)
async def test_revoked_token_says_where_the_new_one_is(slack: FakeSlack, error: str, words: str) -> None:
    slack.revoke(error)
    found = await examine(slack, bot_token_file="data/secrets/slack-bot-token")
    finding = about(found, "Slack bot token")
    assert finding.state is State.FAILURE
    assert words in finding.words
    assert "OAuth & Permissions" in finding.advice
    assert "data/secrets/slack-bot-token" in finding.advice
    assert about(found, "Slack Socket Mode").state is State.FAILURE


async def test_tokens_of_another_kind_are_told_before_they_are_sent(slack: FakeSlack) -> None:
    swapped = {"bot_token": SecretStr(slack.app_token), "app_token": SecretStr(slack.bot_token)}
    found = await examine(slack, **swapped)
    assert "xoxb-" in about(found, "Slack bot token").words
    assert "xapp-" in about(found, "Slack Socket Mode").words
    assert slack.requests == []


async def test_missing_scope_the_bot_needs_is_a_failure(slack: FakeSlack) -> None:
    slack.scopes.discard("chat:write")
    finding = about(await examine(slack), "Slack workspace Fake, scopes")
    assert finding.state is State.FAILURE
    assert "chat:write (answer)" in finding.words
    assert "Reinstall to Workspace" in finding.advice


async def test_missing_scope_of_a_feature_is_a_warning_that_names_it(slack: FakeSlack) -> None:
    slack.scopes -= {"channels:history", "files:read"}
    found = [each for each in await examine(slack) if each.what.endswith("scopes")]
    assert [each.state for each in found] == [State.WARNING, State.WARNING]
    assert [each.words.split(";")[0] for each in found] == ["observe is off", "voice is off"]


async def test_missing_scope_to_list_channels_is_told_once(slack: FakeSlack) -> None:
    slack.scopes -= {"channels:read", "groups:read", "im:read", "mpim:read"}
    failures = [each for each in await examine(slack) if each.state is State.FAILURE]
    assert [each.what for each in failures] == ["Slack workspace Fake, scopes"]


async def test_app_token_of_another_app_is_noticed(slack: FakeSlack) -> None:
    other = slack.app_token.replace(slack.app_id, "A0OTHERAPP")
    found = await examine(slack, app_token=SecretStr(other))
    finding = next(each for each in found if "of app A0OTHERAPP" in each.words)
    assert finding.state is State.FAILURE
    assert about(found, "Slack Socket Mode").state is State.FAILURE


async def test_bot_in_no_channel_is_told_what_to_type(slack: FakeSlack) -> None:
    slack.places[slack.general].member = False
    finding = about(await examine(slack), "Slack workspace Fake, channels")
    assert finding.state is State.WARNING
    assert "/invite @parley" in finding.advice


async def test_every_workspace_is_looked_at(slack: FakeSlack) -> None:
    second = slack.add_workspace("Second")
    found = await examine(slack, more_bot_tokens=(SecretStr(second.bot_token), SecretStr("xoxb-nonsense")))
    assert about(found, "Slack workspace Second").state is State.OK
    assert "PARLEY_SLACK__MORE_BOT_TOKENS" in about(found, "Slack bot token").advice
    assert sum(each.what == "Slack clock" for each in found) == 1


async def test_clock_that_is_off_is_a_failure(slack: FakeSlack) -> None:
    identity = {"ok": True, "team": "Fake", "user": "parley", "bot_id": "B1"}
    slack.fail_next("auth.test", 200, identity, {"Date": formatdate(time.time() - 120, usegmt=True)})
    finding = about(await examine(slack), "Slack clock")
    assert finding.state is State.FAILURE
    assert "ahead of" in finding.words


async def test_no_way_for_events_is_a_failure(slack: FakeSlack) -> None:
    finding = about(await examine(slack, app_token=SecretStr("")), "Slack events")
    assert finding.state is State.FAILURE
    assert "connections:write" in finding.advice


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        ("missing_scope", "connections:write"),
        ("invalid_auth", "App-Level Tokens"),
        ("socket_mode_disabled", "Enable Socket Mode"),
        ("ratelimited", "again in some minutes"),
    ],
)
async def test_socket_mode_that_is_refused_says_why(slack: FakeSlack, error: str, advice: str) -> None:
    slack.fail_next("apps.connections.open", 200, {"ok": False, "error": error})
    finding = about(await examine(slack), "Slack Socket Mode")
    assert finding.state is State.FAILURE
    assert advice in finding.advice


@pytest.mark.parametrize("status", [0, 503])
async def test_slack_in_trouble_is_told_without_its_page(slack: FakeSlack, status: int) -> None:
    slack.fail_next("auth.test", status, "<html>Service Unavailable</html>")
    found = await examine(slack)
    assert about(found, "Slack").state is State.FAILURE
    assert "html" not in str(found)
    assert about(found, "Slack Socket Mode").state is State.OK, "the other checks go on"


async def test_slack_that_does_not_answer_ends_after_a_while(
    slack: FakeSlack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "REQUEST_SECONDS", 0.2)
    slack.slow_next("auth.test", 2.0)
    assert "no answer within 0.2 s" in about(await examine(slack), "Slack").words


async def test_unreachable_address_is_told(slack: FakeSlack) -> None:
    found = await examine(slack, api_url="http://127.0.0.1:9/api")
    assert "cannot be reached" in about(found, "Slack").words
    assert "slack.api_url" in about(found, "Slack").advice


# --- over HTTP ---


async def over_http(fake: FakeSlack, port: int) -> Finding:
    settings = {"app_token": SecretStr(""), "signing_secret": SecretStr(fake.signing_secret), "port": port}
    return about(await examine(fake, **settings), "Slack events over HTTP")


@pytest.fixture
async def listening() -> AsyncIterator[Any]:
    """Starts a server that answers `/slack/events`; gives its port."""
    runners = []

    async def start(answer: Any) -> int:
        application = web.Application()
        application.router.add_post("/slack/events", answer)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        runners.append(runner)
        return int(runner.addresses[0][1])

    yield start
    for runner in runners:
        await runner.cleanup()


async def test_free_port_is_fine_and_the_address_to_enter_is_told(slack: FakeSlack) -> None:
    finding = await over_http(slack, 0)
    assert finding.state is State.OK
    assert "/slack/events" in finding.words


async def test_port_where_parley_knows_the_secret_is_fine(slack: FakeSlack, listening: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        body = await request.text()
        assert SignatureVerifier(slack.signing_secret).is_valid_request(body, dict(request.headers))
        return web.json_response({"challenge": (await request.json())["challenge"]})

    finding = await over_http(slack, await listening(answer))
    assert finding.state is State.OK
    assert "takes what is signed" in finding.words


async def test_port_where_something_else_listens_is_a_failure(slack: FakeSlack, listening: Any) -> None:
    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=401)

    finding = await over_http(slack, await listening(answer))
    assert finding.state is State.FAILURE
    assert "Signing Secret" in finding.advice
    assert "PARLEY_SLACK__PORT" in finding.advice


async def test_address_of_another_machine_is_a_failure(slack: FakeSlack) -> None:
    settings = {"app_token": SecretStr(""), "signing_secret": SecretStr("s"), "host": "192.0.2.1"}
    finding = about(await examine(slack, **settings), "Slack events over HTTP")
    assert finding.state is State.FAILURE
    assert "PARLEY_SLACK__HOST" in finding.advice


def test_every_scope_says_what_it_is_for() -> None:
    assert len({each.name for each in SCOPES}) == len(SCOPES)
    assert all(each.purpose for each in SCOPES)
