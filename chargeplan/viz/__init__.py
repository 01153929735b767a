"""Maps of plans, drawn for people who decide."""
