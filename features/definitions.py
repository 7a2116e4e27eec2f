"""The features of lead scoring, each declared once. A new feature is one entry of the list, and its test."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from features import ideal_customer, priority, vocabulary
from features.activity import Item, Kind, Slot
from features.declarations import Feature, Privacy, Type
from features.feature_set import FeatureSet
from features.language import (
    Act,
    ActivePeople,
    Count,
    DaysWith,
    Distinct,
    Entity,
    First,
    Furthest,
    Last,
    Max,
    Open,
    OpenHighest,
    OpenSum,
    Ratio,
    Recency,
    Since,
    Streak,
    Trend,
)
from ingestion.contracts.event import Actor, EventType

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
    Feature(
        "distinct_pages_7d",
        Distinct(Slot.PAGE, days=7, cap=20),
        description="Different pages viewed in 7 days, of which 20 are told apart",
        owner=MARKETING,
        unit="pages",
        maximum=20.0,
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
        "email_clicks_per_open_30d",
        Ratio(Count(Kind.EMAIL_CLICK, days=30), Count(Kind.EMAIL_OPEN, days=30)),
        description="Links clicked for each e-mail opened in 30 days",
        owner=MARKETING,
        unit="clicks per open",
        type=Type.NUMBER,
        minimum=0.0,
    ),
    Feature(
        "email_bounces_30d",
        Count(Act(EventType.EMAIL_BOUNCED, actors=(Actor.AUTOMATION, Actor.USER)), days=30),
        description="E-mails that came back in 30 days",
        owner=MARKETING,
        unit="e-mails",
        privacy=Privacy.PROFILE,
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
    Feature(
        "active_streak_14d",
        Streak(Kind.ACTIVE, days=14),
        description="Days in a row with an act, up to today or yesterday, 14 at most",
        owner=MARKETING,
        unit="days",
        maximum=14.0,
    ),
    Feature(
        "activity_recency",
        Recency(Kind.ACTIVE, half_life=7),
        description="1 just after an act, half of it 7 days later",
        owner=MARKETING,
        unit="score",
        type=Type.SHARE,
    ),
    Feature(
        "activity_frequency_28d",
        Ratio(DaysWith(Kind.ACTIVE, days=28), 28),
        description="Share of 28 days with an act",
        owner=MARKETING,
        unit="share",
        type=Type.SHARE,
    ),
    Feature(
        "activity_intensity_28d",
        Ratio(Count(Kind.ACTIVE, days=27), DaysWith(Kind.ACTIVE, days=28)),  # both are 28 calendar days
        description="Acts on each day with one, of 28 days",
        owner=MARKETING,
        unit="acts per day",
        type=Type.NUMBER,
        minimum=1.0,
    ),
    Feature(
        "activity_trend_4w",
        Trend(Kind.ACTIVE),
        description="Acts this week against the three weeks before: 0.5 as ever, 1 new, 0 stopped",
        owner=MARKETING,
        unit="share",
        type=Type.SHARE,
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
    Feature(
        "feature_use_trend_4w",
        Trend(Kind.FEATURE_USE),
        description="Uses of product features this week against the three weeks before: 0.5 as ever, 1 new, 0 stopped",
        owner=PRODUCT,
        unit="share",
        type=Type.SHARE,
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
        "first_source_intent",
        First(Slot.SOURCE),
        description="Intent of the first lead source seen, 1 to 5",
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
    Feature(
        "account_pipeline_amount",
        OpenSum(Item.DEAL_OPEN, Item.DEAL_AMOUNT, of=Entity.ACCOUNT),
        description="What the deals in the pipeline are worth, as far as their amounts are known",
        owner=SALES,
        unit="currency of the deals",
        type=Type.MONEY,
        minimum=0.0,
        privacy=Privacy.FIRMOGRAPHIC,
    ),
    Feature(
        "account_largest_deal",
        OpenHighest(Item.DEAL_OPEN, Item.DEAL_AMOUNT, of=Entity.ACCOUNT),
        description="What the largest deal in the pipeline is worth, as far as amounts are known",
        owner=SALES,
        unit="currency of the deals",
        type=Type.MONEY,
        minimum=0.0,
        privacy=Privacy.FIRMOGRAPHIC,
    ),
    Feature(
        "account_pricing_visits_30d",
        Count(Kind.PRICING_VISIT, days=30, of=Entity.ACCOUNT),
        description="Visits of pricing pages at the account in 30 days",
        owner=MARKETING,
        unit="visits",
    ),
    Feature(
        "account_days_since_last_activity",
        Since(Kind.ACTIVE, of=Entity.ACCOUNT),
        description="Since the last act of anybody at the account",
        owner=SALES,
        unit="days",
        type=Type.DURATION,
    ),
    Feature(
        "account_activity_trend_4w",
        Trend(Kind.ACTIVE, of=Entity.ACCOUNT),
        description="Acts at the account this week against the three weeks before: 0.5 as ever, 1 new, 0 stopped",
        owner=SALES,
        unit="share",
        type=Type.SHARE,
    ),
)

LEAD_SCORING = FeatureSet(
    service="lead_scoring_v1",
    revision=4,  # raised with every change of what the code that reads, folds or computes means
    tables=(ideal_customer, priority, vocabulary),
    features=(*_SITE, *_MAIL_AND_FORMS, *_RHYTHM, *_PRODUCT, *_SUPPORT, *_SALES, *_COMPANY, *_ACCOUNT),
)
