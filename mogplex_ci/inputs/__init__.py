"""The inputs of a step: what they are (``schema``), where they come from (``sources``), typed (``action``)."""
