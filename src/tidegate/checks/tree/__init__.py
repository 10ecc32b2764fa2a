"""Source code of any language as one small tree, so that everything behind it is written once."""
