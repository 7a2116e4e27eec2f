"""Who may do what, by roles that an identity provider gives. Feast's servers ask this; its library does not.

Nobody may write rows: a lead has one writer, the feature worker of its partition, which does not go through a server.
"""

from feast import Entity, FeatureService, FeatureView, OnDemandFeatureView, Project
from feast.data_source import DataSource
from feast.permissions.action import CRUD, AuthzedAction
from feast.permissions.permission import Permission
from feast.permissions.policy import RoleBasedPolicy

READER, TRAINER, ADMIN = "feature_reader", "feature_trainer", "feature_admin"

VIEWS = [FeatureView, OnDemandFeatureView, FeatureService]
DECLARED = [Project, Entity, DataSource, Permission, *VIEWS]

permissions = [
    Permission(
        name="see_declarations",
        types=DECLARED,
        actions=[AuthzedAction.DESCRIBE],
        policy=RoleBasedPolicy(roles=[READER, TRAINER, ADMIN]),
    ),
    Permission(
        name="read_online",
        types=VIEWS,
        actions=[AuthzedAction.DESCRIBE, AuthzedAction.READ_ONLINE],
        policy=RoleBasedPolicy(roles=[READER]),
    ),
    Permission(
        name="read_offline",
        types=[*VIEWS, DataSource],
        actions=[AuthzedAction.DESCRIBE, AuthzedAction.READ_OFFLINE],
        policy=RoleBasedPolicy(roles=[TRAINER]),
    ),
    Permission(name="apply", types=DECLARED, actions=CRUD, policy=RoleBasedPolicy(roles=[ADMIN])),
]
