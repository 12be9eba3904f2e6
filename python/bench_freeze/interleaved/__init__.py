"""Time two models of one row side by side, with a fresh process for every round; a check decides latencies by this."""
