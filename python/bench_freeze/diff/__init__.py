"""Layer blame: compare two engines tensor by tensor on the same images, and find the first layer that diverges."""
