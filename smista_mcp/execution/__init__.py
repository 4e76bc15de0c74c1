"""Carries a decision out: attempts, fallback, deadlines, and the record of it all."""
