"""The adapters to secrets: one file a source."""
