"""What the commands around an annotation tool carry out: `push_pull`."""
