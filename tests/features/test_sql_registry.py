"""Feast's registry in Postgres: the same declarations, applied by several at once, read by those who may only read."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from feast.errors import FeastPermissionError
from feast.permissions.action import AuthzedAction
from feast.permissions.enforcer import enforce_policy
from feast.permissions.permission import Permission
from feast.permissions.policy import RoleBasedPolicy
from feast.permissions.user import User

from feature_repo.apply import apply
from feature_repo.permissions import ADMIN, READER, TRAINER, permissions
from features.definitions import LEAD_SCORING
from features.parity import online_features
from features.settings import open_feast
from features.store import OnlineStore
from ingestion.errors import DatabaseRefused
from ingestion.settings import PlatformSettings
from tests.conftest import free_port
from tests.features.conftest import NOW
from tests.features.platforms import applied, settings_of
from tests.features.world import CRM, World


def in_postgres(home: Path, url: str) -> PlatformSettings:
    return settings_of(home).model_copy(update={"feast_registry": url})


@pytest.fixture
def platform(tmp_path: Path, postgres_url: str) -> PlatformSettings:
    settings = in_postgres(tmp_path, postgres_url)
    apply(settings)
    return settings


def names(settings: PlatformSettings) -> list[list[str]]:
    feast = open_feast(settings)
    declared: list[list[Any]] = [
        feast.list_entities(),
        feast.list_all_feature_views(),
        feast.list_feature_services(),
        feast.list_permissions(),
    ]
    return [sorted(each.name for each in kind) for kind in declared]


def stored(url: str) -> list[Any]:
    kinds = ["entities", "data_sources", "feature_views", "on_demand_feature_views", "feature_services", "permissions"]
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        tables = [*kinds, "feature_view_version_history"]
        return [connection.execute(f"SELECT * FROM {table} ORDER BY 1, 2, 3").fetchall() for table in tables]


def test_a_registry_in_postgres_declares_what_one_in_a_file_declares(
    platform: PlatformSettings, tmp_path: Path
) -> None:
    assert names(platform) == names(applied(tmp_path / "file"))
    assert not list(tmp_path.glob("feast/registry.db"))


def test_features_are_served_by_feast_from_either_registry(platform: PlatformSettings) -> None:
    world = World(platform)
    world.tell(CRM)
    found = online_features(platform, [("ld_nobody", None)], NOW + timedelta(minutes=1))
    assert set(found["ld_nobody"]) == set(LEAD_SCORING.names)
    world.engine.dispose()


def test_several_who_apply_to_an_empty_registry_at_once_leave_one_that_is_whole(
    tmp_path: Path, postgres_url: str
) -> None:
    homes = [in_postgres(tmp_path / str(number), postgres_url) for number in range(4)]
    with ThreadPoolExecutor(len(homes)) as threads:
        list(threads.map(apply, homes))
    assert names(homes[0]) == names(applied(tmp_path / "file"))


def test_applying_what_is_applied_changes_no_row(platform: PlatformSettings) -> None:
    before = stored(platform.feast_registry)
    apply(platform)
    assert stored(platform.feast_registry) == before


def test_who_may_only_read_the_registry_serves_features_and_cannot_apply(
    platform: PlatformSettings, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("DROP ROLE IF EXISTS feast_reader")
        owner.execute("CREATE ROLE feast_reader LOGIN")
        owner.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO feast_reader")
        reads = platform.model_copy(update={"feast_registry": postgres_url.replace("leadline@", "feast_reader@")})
        OnlineStore.open(reads).read(["ld_nobody"])
        applies = open_feast(reads, applies=True)
        with pytest.raises(Exception, match="permission denied"):
            applies.registry.delete_entity("lead", LEAD_SCORING.service)
        applies.registry.write_engine.dispose()
        owner.execute("DROP OWNED BY feast_reader")
        owner.execute("DROP ROLE feast_reader")


def test_a_process_that_does_not_apply_cannot_write_whatever_its_role(platform: PlatformSettings) -> None:
    with pytest.raises(Exception, match="read-only transaction"):
        open_feast(platform).registry.delete_entity("lead", LEAD_SCORING.service)


def test_a_registry_out_of_reach_is_named_without_its_password(tmp_path: Path) -> None:
    away = in_postgres(tmp_path, f"postgresql+psycopg://leadline:hush@127.0.0.1:{free_port()}/feast")
    with pytest.raises(DatabaseRefused, match=r"/feast: .*refused") as refused:
        OnlineStore.open(away)
    assert "hush" not in str(refused.value)


def test_a_permission_that_is_no_longer_declared_is_withdrawn(platform: PlatformSettings) -> None:
    everyone = Permission(name="everything", policy=RoleBasedPolicy(roles=["anybody"]))
    feast = open_feast(platform, applies=True)
    feast.registry.apply_permission(everyone, LEAD_SCORING.service)
    feast.registry.write_engine.dispose()
    apply(platform)
    assert {each.name for each in open_feast(platform).list_permissions()} == {each.name for each in permissions}


def test_a_role_may_do_what_it_is_for_and_nobody_may_write_rows(platform: PlatformSettings) -> None:
    feast = open_feast(platform)
    stored_permissions, view = feast.list_permissions(), feast.get_feature_view("lead_state")

    def may(role: str, action: AuthzedAction) -> bool:
        try:
            return bool(enforce_policy(stored_permissions, User("jo", [role]), [view], [action]))
        except FeastPermissionError:
            return False

    seen = AuthzedAction.DESCRIBE
    allowed = {
        role: {each for each in AuthzedAction if may(role, each)} for role in (READER, TRAINER, ADMIN, "somebody")
    }
    assert allowed == {
        READER: {seen, AuthzedAction.READ_ONLINE},
        TRAINER: {seen, AuthzedAction.READ_OFFLINE},
        ADMIN: {seen, AuthzedAction.CREATE, AuthzedAction.UPDATE, AuthzedAction.DELETE},
        "somebody": set(),
    }
