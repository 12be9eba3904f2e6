"""The state of a machine: clocks, temperatures, power, memory. Small reading sources that can be replayed in tests."""
