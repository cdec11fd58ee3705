"""What is alike for all services that are asked over HTTP: which address, and how often."""
