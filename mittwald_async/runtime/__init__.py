"""What a client of any HTTP API runs on: calls, retries, request budgets, pages, files, codec. Knows no API."""
