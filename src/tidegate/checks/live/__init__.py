"""Evidence from the Admin API: spend limits, cost and keys, as the Claude Console knows them."""
