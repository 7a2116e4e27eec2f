"""The webhook receiver: senders' requests, each verified in its sender's own way, onto the raw topics."""
