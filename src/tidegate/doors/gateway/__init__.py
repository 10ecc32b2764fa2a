"""The gateway: tidegate as an HTTP server that any language and any SDK can point at."""
