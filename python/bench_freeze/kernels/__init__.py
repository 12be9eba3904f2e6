"""The compiled scorer behind checked calls: suppression and matching, on the CPU and on a GPU."""
