"""Resources: adapters to the world outside, for assets to use."""
