"""The features of lead scoring, each declared once. A new feature is one entry of the list, and its test."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from features import ideal_customer, vocabulary
from features.activity import Item, Kind, Slot
from features.declarations import Feature, Privacy, Type
from features.feature_set import FeatureSet
from features.language import (
    ActivePeople,
    Count,
    DaysWith,
    Entity,
    Furthest,
    Last,
    Max,
    Open,
    OpenHighest,
    Since,
)

MARKETING, PRODUCT, SUPPORT, SALES = "marketing", "product", "support", "sales"  # teams that answer for a feature
QUARTER, YEAR = timedelta(days=90), timedelta(days=365)

_rank = partial(Feature, unit="rank", type=Type.RANK)
_said = partial(Feature, owner=SALES, privacy=Privacy.PROFILE)
_of_company = partial(Feature, owner=SALES, privacy=Privacy.FIRMOGRAPHIC, fresh_within=YEAR)

_SITE = (
    Feature(
        "page_views_7d",
        Count(Kind.PAGE_VIEW, days=7),
        description="Page views in 7 days",
        owner=MARKETING,
        unit="page views",
    ),
    Feature(
        "pricing_visits_7d",
        Count(Kind.PRICING_VISIT, days=7),
        description="Visits of pricing pages in 7 days",
        owner=MARKETING,
        unit="visits",
    ),
    Feature(
        "pricing_visits_30d",
        Count(Kind.PRICING_VISIT, days=30),
        description="Visits of pricing pages in 30 days",
        owner=MARKETING,
        unit="visits",
    ),
    Feature(
        "content_downloads_30d",
        Count(Kind.DOWNLOAD, days=30),
        description="Downloads in 30 days",
        owner=MARKETING,
        unit="downloads",
    ),
)
_MAIL_AND_FORMS = (
    Feature(
        "email_opens_30d",
        Count(Kind.EMAIL_OPEN, days=30),
        description="E-mails opened in 30 days",
        owner=MARKETING,
        unit="opens",
    ),
    Feature(
        "email_clicks_30d",
        Count(Kind.EMAIL_CLICK, days=30),
        description="Links clicked in e-mails in 30 days",
        owner=MARKETING,
        unit="clicks",
    ),
    Feature(
        "form_submissions_30d",
        Count(Kind.FORM, days=30),
        description="Forms submitted in 30 days",
        owner=MARKETING,
        unit="forms",
    ),
    Feature(
        "form_submissions_ever",
        Count(Kind.FORM),
        description="Forms submitted so far",
        owner=MARKETING,
        unit="forms",
    ),
)
_RHYTHM = (
    Feature(
        "days_since_last_activity",
        Since(Kind.ACTIVE),
        description="Since the last act",
        owner=MARKETING,
        unit="days",
        type=Type.DURATION,
    ),
    Feature(
        "active_days_14d",
        DaysWith(Kind.ACTIVE, days=14),
        description="Days with an act, of 14",
        owner=MARKETING,
        unit="days",
        maximum=14.0,
    ),
)
_PRODUCT = (
    Feature(
        "product_sessions_7d",
        Count(Kind.SESSION, days=7),
        description="Product sessions in 7 days",
        owner=PRODUCT,
        unit="sessions",
    ),
    Feature(
        "product_sessions_30d",
        Count(Kind.SESSION, days=30),
        description="Product sessions in 30 days",
        owner=PRODUCT,
        unit="sessions",
    ),
    Feature(
        "feature_uses_7d",
        Count(Kind.FEATURE_USE, days=7),
        description="Uses of product features in 7 days",
        owner=PRODUCT,
        unit="uses",
    ),
    Feature(
        "feature_uses_30d",
        Count(Kind.FEATURE_USE, days=30),
        description="Uses of product features in 30 days",
        owner=PRODUCT,
        unit="uses",
    ),
    _rank(
        "trial_state",
        Furthest((Kind.SIGN_UP, Kind.TRIAL)),
        description="0 none, 1 signed up, 2 trial started",
        owner=PRODUCT,
        maximum=2.0,
    ),
)
_SUPPORT = (
    Feature(
        "open_tickets",
        Open(Item.TICKET_OPEN),
        description="Open support tickets",
        owner=SUPPORT,
        unit="tickets",
    ),
    Feature(
        "tickets_30d",
        Count(Kind.TICKET, days=30),
        description="Support tickets raised in 30 days",
        owner=SUPPORT,
        unit="tickets",
    ),
    _rank(
        "worst_ticket_priority",
        OpenHighest(Item.TICKET_OPEN, Item.TICKET_PRIORITY),
        description="Of open tickets: 0 none, 1 low to 4 urgent",
        owner=SUPPORT,
        maximum=4.0,
    ),
)
_SALES = (
    Feature(
        "meetings_30d",
        Count(Kind.MEETING, days=30),
        description="Meetings in 30 days",
        owner=SALES,
        unit="meetings",
    ),
    Feature(
        "calls_30d",
        Count(Kind.CALL, days=30),
        description="Calls in 30 days",
        owner=SALES,
        unit="calls",
    ),
    _said(
        "lifecycle_stage",
        Last(Slot.STAGE),
        description="1 subscriber to 7 evangelist",
        unit="rank",
        type=Type.RANK,
        minimum=1.0,
        maximum=7.0,
        fresh_within=QUARTER,
    ),
    _rank(
        "source_intent",
        Max(Slot.SOURCE),
        description="Intent of the best lead source seen, 1 to 5",
        owner=MARKETING,
        minimum=1.0,
        maximum=5.0,
    ),
    _rank(
        "campaign_intent",
        Max(Slot.CAMPAIGN),
        description="Intent of the best campaign seen, 1 to 5",
        owner=MARKETING,
        minimum=1.0,
        maximum=5.0,
    ),
    _said(
        "seniority",
        Last(Slot.SENIORITY),
        description="Of the job title, 1 individual to 5 chief officer",
        unit="rank",
        type=Type.RANK,
        minimum=1.0,
        maximum=5.0,
        fresh_within=YEAR,
    ),
)
_COMPANY = (
    _of_company(
        "company_size",
        Last(Slot.COMPANY_SIZE, of=Entity.COMPANY),
        description="Bucket of the head count, 1 to 6",
        unit="rank",
        type=Type.RANK,
        minimum=1.0,
        maximum=6.0,
    ),
    _of_company(
        "industry_match",
        Last(Slot.INDUSTRY, ideal_customer.industry_match, of=Entity.COMPANY),
        description="1 if the firm sells to this industry",
        unit="flag",
        type=Type.FLAG,
    ),
    _of_company(
        "technology_fit",
        Last(Slot.TECHNOLOGIES, ideal_customer.technology_fit, of=Entity.COMPANY),
        description="Share of the wanted technologies in use",
        unit="share",
        type=Type.SHARE,
    ),
    Feature(
        "email_consent",
        Last(Slot.CONSENT),
        description="1 granted, 0 withdrawn",
        owner=MARKETING,
        unit="flag",
        type=Type.FLAG,
        privacy=Privacy.CONSENT,
    ),
)
_ACCOUNT = (
    Feature(
        "account_active_people_30d",
        ActivePeople(days=30),
        description="People of the account with an act in 30 days",
        owner=SALES,
        unit="people",
    ),
    Feature(
        "account_page_views_7d",
        Count(Kind.PAGE_VIEW, days=7, of=Entity.ACCOUNT),
        description="Page views at the account in 7 days",
        owner=MARKETING,
        unit="page views",
    ),
    Feature(
        "account_open_opportunities",
        Open(Item.DEAL_OPEN, of=Entity.ACCOUNT),
        description="Deals in the pipeline",
        owner=SALES,
        unit="deals",
        privacy=Privacy.FIRMOGRAPHIC,
    ),
)

LEAD_SCORING = FeatureSet(
    service="lead_scoring_v1",
    revision=3,  # raised with every change of what the code that reads, folds or computes means
    tables=(ideal_customer, vocabulary),
    features=(*_SITE, *_MAIL_AND_FORMS, *_RHYTHM, *_PRODUCT, *_SUPPORT, *_SALES, *_COMPANY, *_ACCOUNT),
)
