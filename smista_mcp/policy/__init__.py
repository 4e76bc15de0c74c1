"""The policy language: what may be written, by whom, and what it comes to once the layers are merged."""
