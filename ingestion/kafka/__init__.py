"""Kafka as the whole project sees it: the only package that imports `confluent_kafka`.

Delivery is at least once. Producers keep the order of what they send and leave no gap; consumers commit by hand,
after the effects of what they read are durable.
"""

from ingestion.kafka.acknowledged import AcknowledgingProducer
from ingestion.kafka.admin import Lags, create_topics, group_lag, partition_count, topic_is_drained
from ingestion.kafka.consumer import AlignedConsumer
from ingestion.kafka.producer import MAX_MESSAGE_BYTES, DurableProducer
from ingestion.kafka.reading import read_topic, scan_topic
from ingestion.kafka.record import Record, partition_for

__all__ = [
    "MAX_MESSAGE_BYTES",
    "AcknowledgingProducer",
    "AlignedConsumer",
    "DurableProducer",
    "Lags",
    "Record",
    "create_topics",
    "group_lag",
    "partition_count",
    "partition_for",
    "read_topic",
    "scan_topic",
    "topic_is_drained",
]
