"""Two models of one row timed side by side, a fresh process for every round: what a check decides latencies by."""
