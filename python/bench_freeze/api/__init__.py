"""Studies from Python: everything that `bench_freeze` offers besides the scorer and the models."""
