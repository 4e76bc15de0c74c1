"""The decision: a pure function of a step's facts, the policy, the catalog and a snapshot.

`decide` is the whole surface; `Router` is the same with the policy's and catalog's indexes kept for many steps.
"""
