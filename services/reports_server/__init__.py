"""The gRPC services: batch submission, batch status and reports."""
