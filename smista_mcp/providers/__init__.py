"""One module per wire dialect. Nothing above this package knows a dialect."""
