"""The decision: a pure function of a step's facts, the policy, the catalog and a snapshot."""
