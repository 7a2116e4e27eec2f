"""Feature services: the versioned lists that models pin."""

from feast import FeatureService, OnDemandFeatureView

from features.definitions import FEATURE_SERVICE, feature_hash


def scoring_service(view: OnDemandFeatureView) -> FeatureService:
    """All features of lead scoring; the definitions' hash travels as a tag."""
    return FeatureService(name=FEATURE_SERVICE, features=[view], tags={"feature_hash": feature_hash()})
