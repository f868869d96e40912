"""What every process of FNA Reports shares: the domain, its storage and the settings."""
