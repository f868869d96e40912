"""One request to an endpoint: what is sent, and what becomes of every kind of answer."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from reports_worker.model import answers, prompt
from reports_worker.model.answers import Review
from reports_worker.model.completions import Completion
from reports_worker.model.endpoint import MOST_BYTES, Endpoint
from reports_worker.model.errors import InvalidAnswer, ModelError, Overloaded, Refused, TimedOut, Unreachable
from reports_worker.model.parts import Part
from reports_worker.model.settings import ModelSettings
from reports_worker.processor import Passage
from tests.support.model_endpoint import Answer, ModelEndpoint, completion, refusal, review

REQUEST = prompt.review(Part((Passage("MD_A", "Item 7.", "Sales rose."),)), 500)
KEY = "sk-very-secret-42"
SHAPE = {"type", "required", "additionalProperties"}
GZIP = {"Content-Encoding": "gzip"}


def ask(endpoint: ModelEndpoint, seconds: float = 20, **settings: object) -> Completion:
    """Send one request."""
    configured = ModelSettings.model_validate({"model_name": "gpt-x", "model_api_key": KEY} | settings)
    return asyncio.run(Endpoint(endpoint.url, configured).complete(REQUEST, seconds))


def failure(answer: Answer | None, kind: type[ModelError], seconds: float = 20) -> str:
    """Return what the error says that an answer leads to."""
    with ModelEndpoint(answer) as endpoint, pytest.raises(kind) as raised:
        ask(endpoint, seconds)
    assert len(endpoint.requests) == 1
    assert KEY not in str(raised.value)
    return str(raised.value)


def test_a_request_asks_for_structured_output_and_names_the_model() -> None:
    with ModelEndpoint() as endpoint:
        answer = ask(endpoint)
    (received,) = endpoint.requests
    assert received.path == "/v1/chat/completions"
    assert received.headers["Authorization"] == f"Bearer {KEY}"
    assert (received.body["model"], received.body["temperature"], received.body["max_tokens"]) == ("gpt-x", 0, 500)
    form = received.body["response_format"]
    assert (form["type"], form["json_schema"]["strict"]) == ("json_schema", True)
    assert received.excerpts == ["Sales rose."]
    assert answers.read(Review, answer.content).summary == "A part of it grew."


def test_the_schema_and_the_form_that_is_checked_are_the_same() -> None:
    def plain(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
        if reference := schema.get("$ref"):
            return plain(definitions[reference.rpartition("/")[2]], definitions)
        kept: dict[str, Any] = {name: schema[name] for name in SHAPE if name in schema}
        if "properties" in schema:
            kept["properties"] = {name: plain(each, definitions) for name, each in schema["properties"].items()}
        if "items" in schema:
            kept["items"] = plain(schema["items"], definitions)
        return kept

    checked = Review.model_json_schema()
    assert plain(checked, checked["$defs"]) == REQUEST.schema


def test_no_key_is_sent_where_there_is_none() -> None:
    with ModelEndpoint() as endpoint:
        ask(endpoint, model_api_key=None)
    assert "Authorization" not in endpoint.requests[0].headers


def test_tokens_are_those_that_the_endpoint_counted() -> None:
    with ModelEndpoint(review(prompt=321, written=45)) as endpoint:
        answer = ask(endpoint)
    assert (answer.prompt_tokens, answer.completion_tokens) == (321, 45)


@pytest.mark.parametrize("counted", [None, -1, 0, "many", 10**12])
def test_a_count_that_is_none_does_not_spoil_the_answer(counted: object) -> None:
    with ModelEndpoint(completion({"summary": "It grew."}, prompt=counted, written=counted)) as endpoint:
        answer = ask(endpoint)
    assert (answer.content, answer.prompt_tokens, answer.completion_tokens) == ('{"summary": "It grew."}', None, None)


def test_a_parameter_that_the_model_refuses_is_replaced_or_left_out_from_then_on() -> None:
    script = (
        refusal(400, "Unsupported parameter.", param="max_tokens", code="unsupported_parameter"),
        refusal(400, "Unsupported value: 'temperature' does not support 0 with this model.", param="temperature"),
        refusal(400, "Unknown parameter: 'seed'."),
    )
    with ModelEndpoint(*script) as stub:
        endpoint = Endpoint(stub.url, ModelSettings(model_name="gpt-x"))
        asyncio.run(endpoint.complete(REQUEST, 20))
        asyncio.run(endpoint.complete(REQUEST, 20))
    assert len(stub.requests) == 5
    for received in stub.requests[3:]:
        assert received.body["max_completion_tokens"] == 500
        assert not {"max_tokens", "temperature", "seed"} & set(received.body)


def test_an_endpoint_that_refuses_everything_is_asked_a_few_times_only() -> None:
    everything = refusal(400, "'temperature', 'seed', 'max_tokens', 'max_completion_tokens' are wrong")
    with ModelEndpoint(otherwise=everything) as endpoint, pytest.raises(Refused):
        ask(endpoint)
    assert len(endpoint.requests) == 5


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (refusal(401, f"Incorrect API key provided: {KEY[:6]}***"), Refused, "FNA_REPORTS_MODEL_API_KEY"),
        (refusal(403), Refused, "FNA_REPORTS_MODEL_API_KEY"),
        (refusal(404, "model 'gpt-x' not found"), Refused, "404: model 'gpt-x' not found"),
        (refusal(400, f"what is {KEY}?"), Refused, "refuses the request (status 400: what is ***?)"),
        (refusal(400, "maximum context length is 4096 tokens"), Refused, "FNA_REPORTS_MODEL_CONTEXT_TOKENS"),
        (refusal(400, "no", type="exceed_context_size_error"), Refused, "FNA_REPORTS_MODEL_CONTEXT_TOKENS"),
        (refusal(400, "no", param="response_format"), Refused, "refuses structured output"),
        (refusal(429, "quota", code="insufficient_quota"), Refused, "nothing left to spend"),
        (refusal(429, "slow down", {"Retry-After": "17"}), Overloaded, "slow down, to be asked again in 17 s"),
        (refusal(500, "boom"), Overloaded, "fails (status 500: boom)"),
        (refusal(503), Overloaded, "fails (status 503: no)"),
        (refusal(501), Refused, "status 501"),
        (refusal(500, "x" * 5_000), Overloaded, "xxx…"),
        (Answer(b'{"error": "model requires more memory"}', 500), Overloaded, "500: model requires more memory"),
        (Answer(b'{"detail": "Not Found"}', 404), Refused, "404: Not Found"),
        (Answer(b"<html>", 502), Overloaded, "fails (status 502)"),
        (Answer(b"[" * 100_000, 502), Overloaded, "fails (status 502)"),
        (Answer(b"", 307, {"Location": "http://127.0.0.1:1/v1"}), Refused, "sends elsewhere (status 307)"),
        (Answer(b"not JSON"), InvalidAnswer, "something else than a chat completion"),
        (Answer(b"[" * 100_000), InvalidAnswer, "something else than a chat completion"),
        (Answer(b'{"choices": []}'), InvalidAnswer, "something else than a chat completion"),
        (Answer(b"x" * (MOST_BYTES + 1)), InvalidAnswer, "more than 1,048,576 bytes"),
        (completion('{"summary": "It', finish_reason="length"), InvalidAnswer, "FNA_REPORTS_MODEL_ANSWER_TOKENS"),
        (completion("no", finish_reason="content_filter"), InvalidAnswer, "declined to answer"),
        (completion(None, message={"refusal": "I cannot."}), InvalidAnswer, "declined to answer"),
        (completion(None), InvalidAnswer, "is empty"),
    ],
)
def test_an_answer_that_is_none_says_cause_and_remedy(answer: Answer, kind: type[ModelError], said: str) -> None:
    message = failure(answer, kind)
    assert said in message
    assert len(message) < 500


def test_the_time_that_the_endpoint_asks_for_is_told() -> None:
    with ModelEndpoint(refusal(503, headers={"Retry-After": "3"})) as endpoint, pytest.raises(Overloaded) as raised:
        ask(endpoint)
    assert raised.value.retry_after == 3


def test_compressed_answers_are_not_asked_for_and_not_unpacked() -> None:
    assert "something else" in failure(Answer(b"\x1f\x8b bomb", headers=GZIP), InvalidAnswer)
    with ModelEndpoint() as endpoint:
        ask(endpoint)
    assert endpoint.requests[0].headers["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("answer", [None, Answer(b" ", trickles=True)], ids=["never answers", "never comes to an end"])
def test_an_endpoint_that_takes_its_time_is_left(answer: Answer | None) -> None:
    with ModelEndpoint(answer) as endpoint:
        with pytest.raises(TimedOut, match=r"within 0\.2 s.*FNA_REPORTS_MODEL_TIMEOUT_SECONDS"):
            ask(endpoint, 0.2)
        assert endpoint.left.wait(20)


def test_an_endpoint_that_is_not_there_is_said_to_be_out_of_reach() -> None:
    with ModelEndpoint() as gone:
        pass
    with pytest.raises(Unreachable, match=r"\(ConnectError\).*FNA_REPORTS_MODEL_URL"):
        ask(gone)


@pytest.mark.parametrize(
    "content",
    [
        "not JSON",
        "```json\n{}\n```",
        "{}",
        "[]",
        '{"summary": "x"}',
        '{"summary": 7, "findings": []}',
        '{"summary": "", "findings": []}',
        '{"summary": "\\u0000\\u200b", "findings": []}',
        '{"summary": "x", "findings": [], "score": 1}',
        '{"summary": "x", "findings": [{"statement": "x"}]}',
        '{"summary": "x", "findings": [{"statement": "x", "quote": null}]}',
        "[" * 100_000,
    ],
)
def test_an_answer_of_another_form_is_refused(content: str) -> None:
    with pytest.raises(InvalidAnswer, match=r"not answer in the form .*\(response_format\)") as raised:
        answers.read(Review, content)
    assert len(str(raised.value)) < 400


def test_what_the_model_says_is_cleaned_and_bounded() -> None:
    findings = [{"statement": "\x1b[31mIt\u202e grew.\x00", "quote": "it\ngrew"}] * 30
    said = answers.read(Review, json.dumps({"summary": "word " * 5_000, "findings": findings}))
    assert said.findings[0].statement == "[31mIt grew."
    assert said.findings[0].quote == "it grew"
    assert (len(said.findings), len(said.summary) <= answers.MOST_SUMMARY) == (20, True)
    assert said.summary.endswith("…")
