"""Whom features are about."""

from feast import Entity, ValueType

lead = Entity(name="lead", join_keys=["lead"], value_type=ValueType.STRING, description="A person as a sales prospect.")
account = Entity(name="account", join_keys=["account"], value_type=ValueType.STRING, description="Their company.")
