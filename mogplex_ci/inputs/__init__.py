"""Where an input's value comes from, and whether it is one."""
