"""One CI step: its inputs, guards, plan, runs and recorder."""
