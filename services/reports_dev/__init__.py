"""Everything on one machine: an embedded PostgreSQL and the processes of FNA Reports around it."""
