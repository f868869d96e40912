"""The rules of batches, items and reports: pure, without database, network or clock."""
