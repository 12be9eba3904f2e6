"""Races between arms: which arms stop early, and why. This package only decides; it trains nothing."""
