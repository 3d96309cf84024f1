"""What every block is made of."""
