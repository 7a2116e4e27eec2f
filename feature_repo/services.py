"""Feature services: the versioned lists that models pin."""

from feast import FeatureService, OnDemandFeatureView

from features.feature_set import FeatureSet


def scoring_service(view: OnDemandFeatureView, features: FeatureSet) -> FeatureService:
    """All features of the set; the definitions' hash travels as a tag."""
    return FeatureService(name=features.service, features=[view], tags={"feature_hash": features.hash})
