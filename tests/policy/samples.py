"""Samples of what can be wrong in guardrails and everything that came with them; see `tests.policy.test_findings`."""

from __future__ import annotations

LIMITS = {
    "guardrails that say nothing, or the opposite": """
[[guardrails]]                        #! without_demand
name = "nothing"
[[guardrails]]                        #! without_demand
name = "emptiness"
require = {}
forbid = {}
[[guardrails]]
name = "not here"
require = { local = false }           #! bad_value
[[guardrails]]
name = "keep it"
[guardrails.require]
zero_retention = false                #! bad_value
[[guardrails]]
name = "keep that"
forbid.zero_retention = true          #! bad_value
[[guardrails]]
name = "not here"                     #! duplicate_name
forbid = { local = true }
[[guardrails]]
name = "fine"
require = { max_cost = "0.50", max_latency_ms = 900, tools = { shell = "deny" } }
forbid = { vendors = "acme" }
""",
    "what a guardrail cannot demand": """
[[guardrails]]
require = { cost = "0.50" }           #! unknown_key
[[guardrails]]
forbid = { max_cost = "0.50" }        #! unknown_key
[[guardrails]]
forbid = { tools = { shell = "deny" } } #! unknown_key
[[guardrails]]
require = { max_cost = 0.50 }         #! bad_value
[[guardrails]]
require = { max_cost = "5 Euro" }     #! bad_value
[[guardrails]]
require = { local = "yes" }           #! wrong_type
[[guardrails]]
require = { max_latency_ms = 0 }      #! bad_value
[[guardrails]]
require = { tools = { shel = "deny" } } #! unknown_key
[[guardrails]]
require = { regions = [] }            #! bad_value
[[guardrails]]
require = { local = true }
unless = { tems = "a" }               #! unknown_key
""",
    "conditions that cannot be": """
[[guardrails]]
require = { local = true }
paths = ["src/**", "!src/docs/**"]    #! bad_glob
[[guardrails]]
require = { local = true }
repo = "https://github.com/acme/shop.git" #! bad_value
[[guardrails]]
require = { local = true }
repo = ["git@github.com:acme/shop", "*/acme/*"] #! bad_value
[[guardrails]]
require = { local = true }
min_tokens = 500                      #! never_matches
max_tokens = 50
[[guardrails]]
require = { local = true }
unless = {}                           #! never_matches
[[routing.rules]]
name = "sizes"
model = "ollama/a"
min_tokens = 0                        #! bad_value
[[routing.rules]]
name = "exceptions are fine among rules"
model = "ollama/a"
paths = ["src/**", "!src/docs/**"]
data = "personal"
tier = "platinum"
tenant = ["a", "b"]
team = "payments"
workload = "nightly"
languages = "python"
max_tokens = 10
""",
    "exemptions by what the caller controls": """
[[guardrails]]
require = { local = true }
unless = { team = "research", tier = "x", tenant = "x", workload = "x", labels = "x", data = "x", repo = "a/b/*" }
[[guardrails]]
require = { local = true }
[guardrails.unless]
intent = "chat"                       #! never_grants
skill = "changelog"                   #! never_grants
paths = "docs/**"                     #! never_grants
languages = "markdown"                #! never_grants
min_tokens = 1                        #! never_grants
max_tokens = 9                        #! never_grants
""",
    "guarantees": """
[[guarantees]]                        #! organisation_only
tier = "platinum"
max_cost = "unlimited"
[[guarantees]]                        #! organisation_only
tier = "platinum"
max_cost = "5"                        #! bad_value
[[guarantees]]                        #! organisation_only missing_key
tier = "platinum"
[[guarantees]]                        #! organisation_only
intent = "review"                     #! never_grants
max_cost = "unlimited"
require = { local = true }            #! unknown_key
""",
    "budgets": """
[[budgets]]                           #! budget_not_counted
name = "a"
per = "team"
limit = "500 EUR"
period = "month"
then = "spill"
[[budgets]]
name = "b"
per = "squad"                         #! bad_value
limit = 500                           #! bad_value
period = "fortnight"                  #! bad_value
then = "stop"                         #! bad_value
paths = "!a"                          #! bad_glob
[[budgets]]                           #! missing_key missing_key missing_key
name = "a"                            #! duplicate_name
""",
    "regions": """
[regions]
eu = ["DE", "FR"]
dach = "CH"
EU = ["DE"]                           #! bad_value
DE = ["US"]                           #! bad_value
uk = ["UK"]                           #! bad_value
low = ["de"]                          #! bad_value
odd = ["XX"]                          #! bad_value
none = []                             #! bad_value
[[guardrails]]
require = { regions = ["eu", "CH"] }
[[guardrails]]
require = { regions = "europe" }      #! unknown_region
[[guardrails]]
forbid.regions = ["de"]               #! unknown_region
""",
    "groups": """
[groups.approved]
models = ["ollama/a", "openai/*", "openai/gpt-*"]
[groups."a/b"]                        #! bad_value
models = "ollama/a"
[groups.nested]
models = ["approved"]                 #! model_reference
[groups.empty]                        #! missing_key
[groups.weighted]
models = ["ollama/a", "ollama/b"]
weights = [3, 1]                      #! no_effect
[groups.lopsided]
models = ["ollama/a", "ollama/b"]
weights = [3]                         #! bad_value no_effect
[groups.negative]
models = ["ollama/a"]
weights = [-1]                        #! bad_value no_effect
[[routing.rules]]
name = "a"
model = "approved"
fallbacks = ["weighted", "aproved"]   #! model_reference
[[routing.rules]]
name = "b"
intent = "chat"
pick = "best"
from = ["approved", "ollama/*", "gone"] #! model_reference
[[guardrails]]
require = { models = ["approved", "ollama/*", "gone"] } #! model_reference
[overrides]
models = ["approved", "gone", "*"]    #! model_reference model_reference
""",
    "quality by intent": """
[[routing.rules]]
name = "a"
pick = "cheapest"
min_quality = { review = 80, default = 60 }
[[routing.rules]]
name = "b"
intent = "chat"
pick = "cheapest"
min_quality = { review = 101 }        #! bad_value
[[routing.rules]]
name = "c"
intent = "plan"
pick = "cheapest"
min_quality = "high"                  #! wrong_type
[[routing.rules]]
name = "d"
intent = "edit"
pick = "cheapest"
max_cost = 3                          #! bad_value
max_latency_ms = "1s"                 #! wrong_type
tools = { shell = "allow", printer = "deny" } #! unknown_key
""",
    "who and where": """
[identity]
user = "ada"
teem = "payments"                     #! unknown_key
[[repositories]]                      #! without_repository
labels = "regulated"
[[repositories]]                      #! without_binding
remote = "github.com/acme/*"
[[repositories]]
remote = "ssh://git@github.com:22/acme/shop.git" #! bad_value
path = ["~/work/*", "/srv/code", "work/acme", "/srv/../etc"] #! bad_value bad_value
data = "personal"
tier = 3                              #! wrong_type
""",
    "facts of deployments": """
[providers.openai]                    # stated in full
vendor = "openai"
processing_countries = ["DE", "FR"]
storage_countries = []
serving_scope = "zone"
operator_country = "US"
zero_retention = true
trains_on_data = false
certifications = "soc2"
evidence_url = "https://openai.example/trust"
evidence_date = 2026-05-01
latency_ms = 700
speed = 80.5
[providers.gemini]
processing_countries = []             #! bad_value
serving_scope = "galaxy"              #! bad_value
operator_country = "UK"               #! bad_value
evidence_url = "trust.example"        #! bad_value
evidence_date = "May"                 #! bad_value
speed = 0                             #! bad_value
[providers.lmstudio]
local = true
zero_retention = true
[models."openai/gpt-5.5"]
family = "gpt"
trains_on_data = true                 #! no_evidence
evidence_date = 2026-05-01T00:00:00Z  #! wrong_type
""",
    "classes of data": """
[privacy.detect]                      #! detect_not_scanned
personal = "local"
secrets = "block"
regulated = "redact"
public = "warn"
health = "hide"                       #! bad_value
Customer = "local"                    #! bad_value
"two words" = "local"                 #! bad_value
""",
    "a policy's own tests": """
[[tests]]
name = "a"
given = { intent = "reviw", model = "fast", available = ["ollama/*"] } #! unknown_intent model_reference
expect = { outcome = "routed", model = "ollama/a", not_eligible = ["openai/*"], permissions = { shell = "deny" } }
[[tests]]
name = "a"                            #! duplicate_name
given.tokens = -1                     #! bad_value
expect.outcome = "ok"                 #! bad_value
[[tests]]
name = "b"
expect = {}                           #! test_without_expectation
[[tests]]                             #! missing_key missing_key
given.taks = "x"                      #! unknown_key
""",
}
