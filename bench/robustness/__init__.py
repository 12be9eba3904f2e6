"""What happens when things go wrong: processes killed, files damaged, input that is hostile."""
