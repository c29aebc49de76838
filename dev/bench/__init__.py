"""`make bench`: publishes to a platform of its own and measures what arrives, and at what cost."""
