"""What is known of a step: its intent, paths and sizes, each with the source it came from."""
