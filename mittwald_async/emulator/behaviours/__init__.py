"""What the real API does beside answering, each with a switch: pages, budgets, lag, credentials, drift."""
