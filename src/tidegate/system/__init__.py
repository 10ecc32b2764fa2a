"""The clock and the randomness of this machine."""
