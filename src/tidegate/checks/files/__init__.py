"""Which files a project has, which of them matter, and what is in them."""
