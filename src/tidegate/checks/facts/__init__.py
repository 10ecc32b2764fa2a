"""What a program does about Claude: clients, requests, routes, retries, limits.  The checks judge these, not syntax."""
