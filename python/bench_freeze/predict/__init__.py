"""A model as a callable, and `bench-freeze predict`: images and videos in, detections, pictures and labels out."""
