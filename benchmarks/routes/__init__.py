"""What a service is asked about the demonstration, by route, and how its answers are kept."""
