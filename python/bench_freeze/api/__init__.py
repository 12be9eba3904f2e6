"""The study from Python: what `bench_freeze` offers beside the scorer."""
