"""tidegate: from localhost to production with Claude."""
