"""Feeds the analysis with damaged reports, and keeps those that end in anything but a typed error."""
