"""Example images of a study: which ones, and what each model found on them."""
