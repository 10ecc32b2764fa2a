"""Pure decisions: no await, no clock, no randomness of their own, no I/O."""
