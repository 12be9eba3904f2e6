"""One deployed model: its artifact and engine, and what is measured of it: detections, accuracy, latency."""
