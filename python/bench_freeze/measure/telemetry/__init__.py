"""The state of a machine: clocks, temperatures, power, memory. Small sources whose recordings replay in tests."""
