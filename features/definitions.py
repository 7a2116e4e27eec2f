"""The features of lead scoring, each declared once. A new feature is one entry of the list, and its test."""

from __future__ import annotations

from features import ideal_customer, vocabulary
from features.activity import Best, Facts, Item, Kind, Slot
from features.declarations import (
    Company,
    Days,
    DaysSince,
    DistinctDays,
    Ever,
    Highest,
    Hours,
    Newest,
    OfAccount,
    OpenTickets,
    Reading,
    Trial,
    WorstPriority,
    open_items,
    since,
)
from features.feature_set import FeatureSet
from features.state import ITEM_DAYS, AccountState


def _active_people(account: AccountState, at: Reading) -> float:
    return float(sum(at.day - 30 <= day <= at.day for day in account.people.values()))


def _account_page_views(account: AccountState, at: Reading) -> float:
    return since(account.hours.get(Kind.PAGE_VIEW), at.hour - 24 * 7, at.hour)


def _open_opportunities(account: AccountState, at: Reading) -> float:
    return float(len(open_items(account.items.get(Item.DEAL_OPEN), at.day)))


def _is_act(facts: Facts) -> bool:
    return Kind.ACTIVE in facts.kinds


def _is_page_view(facts: Facts) -> bool:
    return Kind.PAGE_VIEW in facts.kinds


def _is_deal(facts: Facts) -> bool:
    return any(item == Item.DEAL_OPEN for item, _, _ in facts.items)


LEAD_SCORING = FeatureSet(
    service="lead_scoring_v1",
    revision=2,  # raised with every change of what the code that reads, folds or computes means
    tables=(ideal_customer, vocabulary),
    features=(
        Hours(name="page_views_7d", description="Page views in 7 days", kind=Kind.PAGE_VIEW, days=7),
        Hours(
            name="pricing_visits_7d", description="Visits of pricing pages in 7 days", kind=Kind.PRICING_VISIT, days=7
        ),
        Days(
            name="pricing_visits_30d",
            description="Visits of pricing pages in 30 days",
            kind=Kind.PRICING_VISIT,
            days=30,
        ),
        Days(name="content_downloads_30d", description="Downloads in 30 days", kind=Kind.DOWNLOAD, days=30),
        Days(name="email_opens_30d", description="E-mails opened in 30 days", kind=Kind.EMAIL_OPEN, days=30),
        Days(
            name="email_clicks_30d", description="Links clicked in e-mails in 30 days", kind=Kind.EMAIL_CLICK, days=30
        ),
        Days(name="form_submissions_30d", description="Forms submitted in 30 days", kind=Kind.FORM, days=30),
        Ever(name="form_submissions_ever", description="Forms submitted so far", kind=Kind.FORM),
        DaysSince(
            name="days_since_last_activity",
            description="Since the last act",
            unit="days",
            kind=Kind.ACTIVE,
            nullable=True,
        ),
        DistinctDays(
            name="active_days_14d", description="Days with an act, of 14", kind=Kind.ACTIVE, days=14, maximum=14
        ),
        Hours(name="product_sessions_7d", description="Product sessions in 7 days", kind=Kind.SESSION, days=7),
        Days(name="product_sessions_30d", description="Product sessions in 30 days", kind=Kind.SESSION, days=30),
        Hours(name="feature_uses_7d", description="Uses of product features in 7 days", kind=Kind.FEATURE_USE, days=7),
        Days(
            name="feature_uses_30d", description="Uses of product features in 30 days", kind=Kind.FEATURE_USE, days=30
        ),
        Trial(name="trial_state", description="0 none, 1 signed up, 2 trial started", unit="rank", maximum=2),
        OpenTickets(name="open_tickets", description="Open support tickets"),
        Days(name="tickets_30d", description="Support tickets raised in 30 days", kind=Kind.TICKET, days=30),
        WorstPriority(
            name="worst_ticket_priority",
            description="Of open tickets: 0 none, 1 low to 4 urgent",
            unit="rank",
            maximum=4,
        ),
        Days(name="meetings_30d", description="Meetings in 30 days", kind=Kind.MEETING, days=30),
        Days(name="calls_30d", description="Calls in 30 days", kind=Kind.CALL, days=30),
        Newest(
            name="lifecycle_stage",
            description="1 subscriber to 7 evangelist",
            unit="rank",
            slot=Slot.STAGE,
            maximum=7,
            nullable=True,
        ),
        Highest(
            name="source_intent",
            description="Intent of the best lead source seen, 1 to 5",
            unit="weight",
            of=Best.SOURCE,
            maximum=5,
            nullable=True,
        ),
        Highest(
            name="campaign_intent",
            description="Intent of the best campaign seen, 1 to 5",
            unit="weight",
            of=Best.CAMPAIGN,
            maximum=5,
            nullable=True,
        ),
        Newest(
            name="seniority",
            description="Of the job title, 1 individual to 5 chief officer",
            unit="rank",
            slot=Slot.SENIORITY,
            maximum=5,
            nullable=True,
        ),
        Company(
            name="company_size",
            description="Bucket of the head count, 1 to 6",
            unit="rank",
            slot=Slot.COMPANY_SIZE,
            maximum=6,
            nullable=True,
        ),
        Company(
            name="industry_match",
            description="1 if the firm sells to this industry",
            unit="flag",
            slot=Slot.INDUSTRY,
            number=ideal_customer.industry_match,
            maximum=1,
            nullable=True,
        ),
        Company(
            name="technology_fit",
            description="Share of the wanted technologies in use",
            unit="share",
            slot=Slot.TECHNOLOGIES,
            number=ideal_customer.technology_fit,
            maximum=1,
            nullable=True,
        ),
        Newest(
            name="email_consent",
            description="1 granted, 0 withdrawn",
            unit="flag",
            slot=Slot.CONSENT,
            maximum=1,
            nullable=True,
        ),
        OfAccount(
            name="account_active_people_30d",
            description="People of the account with an act in 30 days",
            read=_active_people,
            part=_is_act,
            days=30,
            nullable=True,
        ),
        OfAccount(
            name="account_page_views_7d",
            description="Page views at the account in 7 days",
            read=_account_page_views,
            part=_is_page_view,
            days=7,
            nullable=True,
        ),
        OfAccount(
            name="account_open_opportunities",
            description="Deals in the pipeline",
            read=_open_opportunities,
            part=_is_deal,
            days=ITEM_DAYS,
            nullable=True,
        ),
    ),
)
