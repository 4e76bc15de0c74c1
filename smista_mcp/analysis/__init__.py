"""Policies as code: what a policy comes to, shown by deciding made-up, tested and recorded steps. Pure.

``check`` finds what syntax cannot show, ``policy_tests`` runs a policy's own tests, ``diff`` and ``replay`` decide
again, ``nearest`` answers "why not this model?", ``trace`` and ``show`` lay out a decision and a merged policy.
"""
