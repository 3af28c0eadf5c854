"""Search without a web framework: what a query is, how it is planned, composed, ranked and explained."""
