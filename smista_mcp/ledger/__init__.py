"""The durable store of decisions, runs and attempts."""
