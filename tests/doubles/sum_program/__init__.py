"""Another job program than the detector's: it adds numbers, and needs PyYAML for it."""
