"""One deployed model: its artifact and engine, and its measurements: detections, accuracy, latency."""
