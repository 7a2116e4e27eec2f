"""OpenLineage events of the jobs that make features, for those who keep a catalogue. Off unless a place is named.

Only `features.lineage.documents` and `features.lineage.outlet` import the library, and both are imported only then.
"""
