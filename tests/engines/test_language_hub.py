"""Hub-hosted language models: the Hub's own client against a server on this machine that stands in for its router."""

from __future__ import annotations

import json

import pytest

from spacestudio.engines import LANGUAGE
from spacestudio.engines.language import endpoint
from spacestudio.engines.language.scenes import Scenes
from spacestudio.engines.language.talk import NoAnswer, messages_of
from spacestudio.errors import Unavailable
from spacestudio.services.converse import imagine_scene, talk_with
from spacestudio.settings import settings
from tests.engines.talking import Answer, failed, kitchen, said, serving, using
from tests.engines.tiny import one_line

TOKEN = "hf_NEVER_SHOWN_0123456789"
GOOD = {"scenes": ["harbour"]}


@pytest.fixture
def hub(monkeypatch):
    """The Hub's router is this server, and a token is set."""
    from huggingface_hub import constants
    from huggingface_hub.inference._providers import CONVERSATIONAL_AUTO_ROUTER

    endpoint.PLAIN.clear()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def at(server, **more):
        monkeypatch.setattr(CONVERSATIONAL_AUTO_ROUTER, "base_url", server.url.removesuffix("/v1"))
        return using(monkeypatch, "", **{"LANGUAGE_KEY": "", "LANGUAGE_MODEL": "org/chat", **more})

    yield at
    endpoint.PLAIN.clear()


def ask(talk):
    return talk.ask(messages_of("Name a place", {}, Scenes), Scenes).scenes


def test_a_scene_by_a_hosted_model(hub):
    with serving(rule=kitchen) as server, hub(server):
        written = imagine_scene("kitchen", 3, "hub")
        other = imagine_scene("kitchen", 3, "hub:vendor/other")
    assert [r.triple for r in written.graph] == [("cup-1", "on", "table-1"), ("cup-1", "left of", "bowl-1")]
    assert {h["authorization"] for h in server.headers} == {f"Bearer {TOKEN}"}
    assert [body["model"] for body in server.asked] == ["org/chat"] * 3 + ["vendor/other"] * 3
    assert server.asked[0]["response_format"]["type"] == "json_schema" and server.asked[0]["seed"] == 3
    assert (written.counts.prompt_tokens, written.counts.completion_tokens) == (300, 30)
    assert written.run.settings["provider"] == "auto" and other.run.settings["model"] == "vendor/other"
    assert TOKEN not in json.dumps(dict(written.run.settings))


@pytest.mark.parametrize(
    "bad",
    [
        failed(429, Retry_After="0.02"),
        failed(500),
        failed(504),
        Answer(said(GOOD).body, cut=True),
        Answer(b"\xff"),
        Answer(b"{}"),
    ],
    ids=["429", "500", "504", "cut", "not utf-8", "empty"],
)
def test_a_failure_is_tried_again(hub, bad):
    with serving(bad, said(GOOD)) as server, hub(server):
        talk = talk_with("hub")
        assert ask(talk) == ["harbour"] and talk.counts.retries == 1
    with serving(*[bad] * 3) as server, hub(server, LANGUAGE_TRIES="2"), pytest.raises(NoAnswer):
        ask(talk_with("hub"))


def test_too_slow_is_tried_again(hub):
    slow = said(GOOD)
    slow.wait = 0.5
    with serving(slow, said(GOOD)) as server, hub(server, LANGUAGE_TIMEOUT_S="0.15"):
        assert ask(talk_with("hub")) == ["harbour"]


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (402, "paid"), (404, "SPACE_STUDIO_LANGUAGE_PROVIDER")],
)
def test_what_will_not_mend_is_not_tried_again(hub, status, says):
    with serving(failed(status, TOKEN), said(GOOD)) as server, hub(server):
        with pytest.raises(Unavailable) as caught:
            imagine_scene("kitchen", 0, "hub")
        assert says in one_line(caught.value) and TOKEN not in str(caught.value) and len(server.asked) == 1


def test_a_provider_without_structured_output(hub):
    with serving(failed(422, "response_format"), said(GOOD)) as server, hub(server):
        assert ask(talk_with("hub")) == ["harbour"]
        assert ["response_format" in body for body in server.asked] == [True, False]


def test_a_refusal_is_no_answer(hub):
    with serving(said("I'm sorry, I can't."), said(GOOD)) as server, hub(server), pytest.raises(NoAnswer, match="refused"):
        ask(talk_with("hub"))


def test_the_token_does_not_follow_a_redirect(hub):
    with serving(said(GOOD)) as elsewhere, serving() as server, hub(server, LANGUAGE_TRIES="1"):
        server.answers = [Answer(b"", 307, {"Location": f"http://localhost:{elsewhere.port}/v1/chat/completions"})]
        assert ask(talk_with("hub")) == ["harbour"], "its client follows"
        assert "authorization" not in elsewhere.headers[0], "without the token"


def test_offline_is_one_line(monkeypatch, hub):
    from huggingface_hub import constants

    with serving(said(GOOD)) as server, hub(server):
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(Unavailable, match="HF_HUB_OFFLINE"):
            imagine_scene("kitchen", 0, "hub")


def test_what_is_not_set_up_is_told(monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("huggingface_hub.get_token", lambda: None)
    with using(monkeypatch, "", LANGUAGE_MODEL=""):
        assert "hub:NAME" in LANGUAGE.why_not("hub")
        with pytest.raises(Unavailable, match="hub:NAME"):
            LANGUAGE.make("hub")
        assert "HF_TOKEN" in LANGUAGE.why_not("hub:org/chat")
        with pytest.raises(Unavailable, match="HF_TOKEN"):
            LANGUAGE.make("hub:org/chat")
        with pytest.raises(Unavailable, match="choose endpoint"):
            LANGUAGE.make("hub:https://example.com/v1")
    settings.cache_clear()
