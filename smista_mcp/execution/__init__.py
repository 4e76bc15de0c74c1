"""Carries a decision out: attempts, fallback, cancellation, and the record of it all."""
