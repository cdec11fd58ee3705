"""What the commands around annotation carry out: `batch_choice`, what to label next."""
