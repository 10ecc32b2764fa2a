"""Reports for people and machines: one format a file, each a pure function from a page to a text."""
