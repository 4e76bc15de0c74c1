"""What of the workspace may be read and sent."""
