"""The local rubric reads by keyword, in several languages, the same way every time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.enrichment.preparation import prepare
from scoring.enrichment.reading import Intent, Step
from scoring.enrichment.rubric import Rubric

RUBRIC = Rubric()


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("We are ready to buy, please send a quote for 200 seats.", Intent.READY_TO_BUY),
        ("Wir möchten kaufen, bitte Angebot senden.", Intent.READY_TO_BUY),
        ("Pouvez-vous envoyer un devis ?", Intent.READY_TO_BUY),
        ("हम खरीदना चाहते हैं", Intent.READY_TO_BUY),
        ("How do your prices compare? We are comparing three vendors and want a demo.", Intent.COMPARING),
        ("¿Cuáles son los precios? Queremos una demostración.", Intent.COMPARING),
        ("I would like to learn more about your whitepaper.", Intent.RESEARCHING),
        ("Gostaria de mais informações.", Intent.RESEARCHING),
        ("Hello there.", Intent.NONE),
        ("We are not ready to buy.", Intent.NONE),
        ("", Intent.NONE),
    ],
)
def test_intent_is_read_in_several_languages(text: str, intent: Intent) -> None:
    assert RUBRIC.judge(text).intent is intent


@pytest.mark.parametrize(
    "text",
    ["Please unsubscribe me.", "I am a student writing my thesis, pricing?", "Kein Interesse.", "No me interesa."],
)
def test_a_refusal_is_disqualified_whatever_else_is_said(text: str) -> None:
    reading = RUBRIC.judge(text)
    assert (reading.next_step, reading.score) == (Step.DISQUALIFY, 10.0)


def test_urgency_and_budget_raise_and_objections_lower() -> None:
    plain = RUBRIC.judge("We want to buy.").score
    assert RUBRIC.judge("We want to buy this week, the budget is approved.").score > plain
    assert RUBRIC.judge("We want to buy but it is too expensive.").score < plain


def test_it_says_that_it_is_no_model() -> None:
    assert RUBRIC.name == "local-rubric"
    assert "not by a model" in RUBRIC.judge("pricing").reasoning


@given(st.text(max_size=2000))
def test_any_text_gets_the_same_bounded_reading_twice(text: str) -> None:
    prepared = prepare(text)
    reading = asyncio.run(RUBRIC.read(prepared))
    assert reading == RUBRIC.judge(prepared)
    assert 0 <= reading.score <= 100
    assert reading.confidence <= 0.7
