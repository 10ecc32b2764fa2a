"""The Gate over its ports: the only place where the order of effects is written."""
