"""The settings: read once, here; nothing else touches the environment."""
