"""A fuzzer that looks for text which does harm; `make fuzz` runs it."""
