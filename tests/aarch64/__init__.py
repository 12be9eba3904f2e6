"""The scorer on aarch64, without such a machine: cross-compiled, and the light installation's tests under emulation."""
