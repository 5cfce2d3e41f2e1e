"""The inputs of a step: declared (``declared``), collected (``sources``), typed (``typed``) and
read (``read``).
"""
