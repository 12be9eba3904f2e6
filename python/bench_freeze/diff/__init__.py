"""Layer blame: two engines compared tensor by tensor on the same images, and the first layer that diverges."""
