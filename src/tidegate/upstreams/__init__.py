"""The places that serve Claude: one file an upstream, and the HTTP/1.1 client that they share."""
