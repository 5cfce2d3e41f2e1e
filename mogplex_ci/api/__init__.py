"""The Mogplex v1 API: a typed client, and the policy of its retries."""
