"""The ways in; they do not know each other."""
