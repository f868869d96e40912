"""Benchmarks: performance claims of the documentation, measured side by side in one run."""
