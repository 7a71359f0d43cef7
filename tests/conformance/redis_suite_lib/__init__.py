"""Runs the Redis test suite against another server binary."""
