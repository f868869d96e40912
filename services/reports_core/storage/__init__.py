"""All SQL of the application: functions on an open connection, written once for sync and async callers."""
