"""Every mistake is found, on its own line, in one pass, with what to write instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from smista_mcp.errors import PolicyError
from smista_mcp.policy.check import check_files
from smista_mcp.policy.findings import Finding, Severity
from smista_mcp.policy.layers import load_policy
from tests.policy.files import DESIGN_EXAMPLE, Places, lines, marked
from tests.policy.samples import LIMITS

KEY = "sk-live0123456789abcdefghij"

SAMPLES = {
    "unknown keys at every depth": """
polcy = 1                             #! unknown_key
[policy]
nam = "x"                             #! unknown_key
[routing]
defaults = { model = "ollama/a" }     #! unknown_key
[[routing.rules]]
name = "a"
model = "ollama/a"
prioritty = 3                         #! unknown_key
[tools]
permission = { shell = "deny" }       #! unknown_key
[providers.acme]
type = "openai-compatible"
base_url = "https://llm.acme.example/v1"
api_keys = "${env:ACME}"              #! unknown_key
[models."ollama/a"]
quality.review = 50
window = 10                           #! unknown_key
""",
    "tables that are not part of the language": """
[[escalations]]                       #! unknown_key
paths = ["a"]
[region]                              #! unknown_key
eu = ["DE"]
""",
    "wrong types, on the key's line and on the entry's": """
[policy]
name = 7                              #! wrong_type
serial = "7"                          #! wrong_type
required = "yes"                      #! wrong_type
[routing]
default = "ollama/a"                  #! wrong_type
[[routing.rules]]
name = ["a"]                          #! wrong_type
priority = 1.5                        #! wrong_type
local_only = "true"                   #! wrong_type
paths = [
  "src/**",
  3,                                  #! wrong_type
  true,                               #! wrong_type
]
intent = { review = true }            #! wrong_type
model = 2021-01-01                    #! wrong_type
[privacy]
restricted_paths = 5                  #! wrong_type
[models."ollama/a"]
context_window = "8k"                 #! wrong_type
quality = { review = "good" }         #! wrong_type
""",
    "a table where there should be a list, and the other way round": """
[routing.rules]                       #! wrong_type
name = "a"
[[policy]]                            #! wrong_type
name = "a"
""",
    "bad values": """
[policy]
serial = -1                           #! bad_value
name = ""                             #! bad_value
[routing.default]
model = "ollama/a"
effort = "lo"                         #! bad_value
[[routing.rules]]
name = "a"
pick = "cheap"                        #! bad_value
min_quality = 101                     #! bad_value
requires = ["tool"]                   #! bad_value
labels = []                           #! bad_value
skill = " x"                          #! bad_value
[classification]
default_intent = "Code Review"        #! bad_value unknown_intent
[tools.permissions]
shell = "no"                          #! bad_value
[providers."a/b"]                     #! bad_value
type = "openai-like"                  #! bad_value
base_url = "llm.acme.example"         #! bad_value
[models."ollama/a"]
context_window = 0                    #! bad_value
input_price = 0.5                     #! bad_value
output_price = "0,5"                  #! bad_value
cached_input_price = "-1"             #! bad_value
currency = "Euro"                     #! bad_value
quality = { review = nan }            #! bad_value
""",
    "required keys": """
[routing.default]                     #! missing_key
effort = "low"
[[routing.rules]]                     #! missing_key
model = "ollama/a"
[[classification.rules]]              #! missing_key
keywords = ["x"]
""",
    "patterns that cannot match in a workspace": """
[privacy]
restricted_paths = [
  "../secrets",                       #! bad_glob
  "/etc/passwd",                      #! bad_glob
  "/home",                            #! bad_glob
  "~/keys",                           #! bad_glob
  "./src/**",                         #! bad_glob
  "src//a",                           #! bad_glob
  'C:\\keys',                          #! bad_glob
  'src\\keys',                         #! bad_glob
  "src/[ab",                          #! bad_glob
  "src/[z-a]",                        #! bad_glob
  "*.{pem,key}",                      #! bad_glob
  "a*b*c*d*e*f",                      #! bad_glob
  "!public/**",                       #! bad_glob
  "#notes",                           #! bad_glob
  "secrets/**",
  "/build",
]
[[routing.rules]]
name = "a"
model = "ollama/a"
paths = ["!src/**"]                   #! bad_glob
[[routing.rules]]
name = "b"
model = "ollama/a"
paths = ["src/**", "!src/vendor/**", "docs/../x"] #! bad_glob
[[classification.rules]]
intent = "review"
paths = ["a/***/..", "ok/**"]         #! bad_glob
""",
    "model references": """
[routing.default]
model = "gpt-5.5"                     #! model_reference
fallbacks = [
  "olama/qwen",                       #! unknown_provider
  "ollama/",                          #! model_reference
  "ollama/a b",                       #! model_reference
  "ollama/*",                         #! model_reference
  "ollama/library/qwen:7b",
]
[[routing.rules]]
name = "a"
pick = "cheapest"
from = ["openai/*", "open*/x", "nowhere/*"] #! model_reference unknown_provider
[overrides]
models = ["ollama/q*", "nowhere/x"]   #! unknown_provider
[models.qwen]                         #! model_reference
context_window = 1
[models."nowhere/x"]                  #! unknown_provider
context_window = 1
""",
    "fallbacks": """
[routing.default]
model = "ollama/a"
fallbacks = ["ollama/b", "ollama/a"]  #! fallback_to_itself
[[routing.rules]]
name = "a"
model = "ollama/a"
fallbacks = [
  "ollama/a",                         #! fallback_to_itself
  "ollama/b",
  "ollama/b",                         #! duplicate_fallback
]
""",
    "what a rule chooses": """
[[routing.rules]]                     #! rule_target
name = "neither"
intent = "review"
[[routing.rules]]
name = "both"
model = "ollama/a"
intent = "debug"
pick = "best"                         #! rule_target
[[routing.rules]]
name = "stray"
intent = "test"
model = "ollama/a"
from = ["ollama/*"]                   #! without_pick
min_quality = 10                      #! without_pick
""",
    "rules that share a name": """
[[routing.rules]]
name = "a"
model = "ollama/a"
intent = "review"
[[routing.rules]]
model = "ollama/b"
intent = "debug"
name = "a"                            #! duplicate_rule_name
""",
    "intents that nothing defines": """
[classification]
default_intent = "chatt"              #! unknown_intent
[[classification.rules]]
intent = "threat-model"
keywords = ["stride"]
[[routing.rules]]
name = "a"
model = "ollama/a"
intent = [
  "threat-model",
  "revew",                            #! unknown_intent
]
[models."ollama/a"]
quality = { default = 5, threat-model = 6, revew = 7 } #! unknown_intent
""",
    "secrets that are written out": f"""
# the old one was {KEY}               #! literal_secret
[policy]
owner = "{KEY}"                       #! literal_secret
[providers.openai]
api_key = "hunter2-hunter2"           #! literal_secret
base_url = "https://me:hunter2-hunter2@llm.acme.example" #! literal_secret
headers = {{ Authorization = "Bearer hunter2-hunter2" }} #! literal_secret
[providers.anthropic]
api_key = "$ANTHROPIC_API_KEY"        #! literal_secret
base_url = "https://llm.acme.example/?api-key=hunter2-hunter2" #! literal_secret
[providers.gemini]
api_key = "${{env:GEMINI_API_KEY}}"
[providers.gemini.headers]
X-Team = "hunter2-hunter2"            #! literal_secret
X-Title = "smista"
Proxy-Authorization = "Bearer ${{keyring:proxy}}"
[providers.groq]
api_key = "${{file:/run/secrets/groq}}"
region = "AIza0123456789abcdefghijklmnopqrstuv" #! literal_secret
""",
    "addresses": """
[providers.openai]
base_url = "http://llm.acme.example/v1" #! unencrypted
[providers.anthropic]
base_url = "http://127.0.0.1:4000"
[providers.gemini]
base_url = "ftp://llm.acme.example"   #! bad_value
[providers.groq]
base_url = "https://llm.acme.example/#x" #! bad_value
[providers.xai]
base_url = "https://[::1"             #! bad_value
""",
    "providers of one's own": """
[providers.acme]                      #! missing_key
base_url = "https://llm.acme.example/v1"
[providers.ollama]
model_path = "/models/a.gguf"         #! no_effect
[routing.default]
model = "acme/coder"
""",
    "local_only": """
[[routing.rules]]
name = "a"
model = "openai/gpt-5.5"              #! never_local
local_only = true
[[routing.rules]]
name = "b"
intent = "review"
paths = ["src/**"]
model = "ollama/a"
local_only = true                     #! local_only_scope
fallbacks = ["anthropic/claude-opus-4.5", "lmstudio/a"] #! never_local
""",
    "keys for the organisation only": """
[[routing.rules]]
name = "a"
model = "ollama/a"
overridable = true                    #! organisation_only
""",
    "rules between which only their order decides": """
[[routing.rules]]
name = "a"
intent = ["review", "debug"]
paths = ["src/**"]
model = "ollama/a"
[[routing.rules]]                     #! tie
name = "b"
intent = ["debug", "test"]
paths = ["docs/**", "src/**"]
model = "ollama/b"
[[routing.rules]]
name = "c"
intent = ["debug"]
paths = ["docs/**"]
priority = 5
model = "ollama/b"
[[routing.rules]]
name = "d"
intent = ["write"]
paths = ["docs/**"]
model = "ollama/b"
""",
    "classification rules that match everything": """
[[classification.rules]]              #! rule_without_condition
intent = "review"
[[classification.rules]]
intent = "debug"
requires_any_context = true
""",
    **LIMITS,
    "positions under every spelling": """
policy = { name = "x", serial = "1" } #! wrong_type
routing.default.model = "ollama/a"
routing.default.effort = "lo"         #! bad_value
"routing".rules = [
  { name = "a", model = "ollama/a", effort = "lo" }, #! bad_value
  { name = "b", model = "ollama/b", intent = "debug", "\\u0070riority" = "x" }, #! wrong_type
]
[models]
"ollama/a" . aliases = 3              #! wrong_type
""",
}


def checked(tmp_path: Path, text: str, **more: object) -> tuple[Finding, ...]:
    path = tmp_path / "sample.toml"
    path.write_text(text)
    return check_files([path], **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_each_mistake_is_found_on_its_own_line_and_nothing_else_is(sample: str, tmp_path: Path) -> None:
    assert lines(checked(tmp_path, sample)) == marked(sample)


def test_all_samples_together_show_every_mistake_of_the_language() -> None:
    shown = {code for sample in SAMPLES.values() for _, code in marked(sample)}

    assert shown >= {
        "unknown_key", "wrong_type", "bad_value", "missing_key", "bad_glob", "model_reference", "unknown_provider",
        "fallback_to_itself", "rule_target", "duplicate_rule_name", "unknown_intent", "literal_secret", "tie",
    }  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_every_finding_says_what_to_write_instead(sample: str, tmp_path: Path) -> None:
    for finding in checked(tmp_path, sample):
        assert finding.message.endswith("."), finding
        assert finding.fix, finding
        assert "\n" not in str(finding)


@pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
def test_no_finding_repeats_a_secret(sample: str, tmp_path: Path) -> None:
    told = json.dumps([finding.as_dict() for finding in checked(tmp_path, sample)])

    assert "hunter2" not in told
    assert KEY not in told
    assert "AIza0" not in told


@pytest.mark.parametrize(
    ("line", "advice"),
    [
        ('intnt = "review"', "`intent`"),
        ("restricted_paths = []", "[privacy]"),
        ('effort = "hihg"', "`high`"),
        ('model = "claude-opus-4.5"', "`anthropic/claude-opus-4.5`"),
        ('model = "olama/qwen"', "`ollama/qwen`"),
        ('model = "ollama"', '"ollama/…"'),
        ('paths = ["/src/**"]', "`src/**`"),
        ("paths = ['src\\auth\\**']", "`src/auth/**`"),
        ('paths = ["./src/**"]', "`src/**`"),
        ('intent = "revew"', "`review`"),
        ("min_quality = true", "min_quality = 60"),
        ('requires = "visoin"', "`vision`"),
    ],
)
def test_the_nearest_right_thing_is_named(line: str, advice: str, tmp_path: Path) -> None:
    findings = checked(tmp_path, f'[[routing.rules]]\nname = "a"\npick = "best"\n{line}\n')

    assert any(finding.place.line == 4 and advice in finding.fix for finding in findings), findings


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (b"[policy]\nname = yes\n", "syntax", 2),
        (b"[policy]\nname = 'a'\nname = 'b'\n", "syntax", 3),
        (b"[policy]\n[policy]\n", "syntax", 2),
        (b"a = [1,\n2\n", "syntax", 2),
        (b"just words\n", "syntax", 1),
        (b"[policy]\r\nname = 'a\r\n", "syntax", 2),
        (b"x = " + b"9" * 5000, "syntax", 0),
        (b"# ok\nname = '\xff'\n", "encoding", 2),
        (b"a = 1\nb = " + b"[" * 100 + b"]" * 100, "too_deep", 2),
        (b"b = " + b"{a=" * 100_000, "too_deep", 1),
        (b"a = 1\n" + b".".join([b"a"] * 200_000) + b" = 1", "too_deep", 2),
        (b"[" + b".".join([b"a"] * 200_000) + b"]", "too_deep", 1),
        (b"#" * (1024 * 1024 + 1), "too_large", 0),
    ],
)
def test_what_is_no_toml_or_too_much_of_it_is_one_finding(content: bytes, code: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    path.write_bytes(content)

    assert lines(check_files([path])) == [(line, code)]


def test_dots_and_brackets_in_texts_and_comments_are_no_nesting(tmp_path: Path) -> None:
    text = f"# {'.' * 100}{'[' * 100}\n[policy]\nname = \"{'.' * 100}{'[' * 100}\"\nowner = '{'{' * 100}'\n"

    assert checked(tmp_path, text) == ()


def test_a_file_that_is_all_mistakes_is_cut_short_and_says_so(tmp_path: Path) -> None:
    findings = checked(tmp_path, "\n".join(f"unknown{number} = 1" for number in range(5000)))

    assert len(findings) == 201
    assert [finding.code for finding in findings if finding.severity is Severity.INFO] == ["more_findings"]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "sample.toml"
    path.write_bytes(b'\xef\xbb\xbf[policy]\r\nname = "a"\r\nnam = 1\r\n')

    assert lines(check_files([path])) == [(3, "unknown_key")]


def test_a_model_that_the_catalog_does_not_know_is_a_warning(tmp_path: Path) -> None:
    text = '[routing.default]\nmodel = "ollama/known"\nfallbacks = [\n  "ollama/new",\n  "openai/other",\n]\n'

    findings = checked(tmp_path, text, is_known_model=lambda model: model == "ollama/known")

    assert [(finding.place.line, finding.code, finding.severity) for finding in findings] == [
        (4, "unknown_model", Severity.WARNING),
        (5, "unknown_model", Severity.WARNING),
    ]


def test_the_designs_example_is_right_as_it_stands(tmp_path: Path, places: Places) -> None:
    assert not [one for one in checked(tmp_path, DESIGN_EXAMPLE) if one.severity is Severity.ERROR]

    places.workspace(DESIGN_EXAMPLE)
    rule = load_policy(places.policies).policy.rules[0]

    assert rule.name == "review payment code on this machine"
    assert str(rule.place) == ".smista/policy.toml:1"
    assert rule.priority == 5
    assert rule.match.intent == ("review",)
    assert rule.match.paths == ("src/payments/**",)
    assert rule.match.skill == ("changelog",)
    assert rule.local_only
    assert rule.target.model == "ollama/qwen2.5-coder"
    assert rule.fallbacks == ("openai/gpt-5.5-mini",)


def test_errors_in_several_files_come_all_at_once(places: Places) -> None:
    places.organisation("[policy]\nnam = 1\n")
    places.workspace("[[routing.rules]]\nmodel = 1\n")
    places.user("x = \n")

    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)

    found = {
        (Path(finding.place.file).name, finding.place.line, finding.code)
        for finding in caught.value.findings
        if isinstance(finding, Finding)
    }
    assert found == {
        ("policy.toml", 2, "unknown_key"),
        ("policy.toml", 1, "missing_key"),
        ("policy.toml", 2, "wrong_type"),
        ("policy.toml", 1, "syntax"),
    }
    assert len({finding.place.file for finding in caught.value.findings if isinstance(finding, Finding)}) == 3
    assert caught.value.as_dict()["findings"]


def test_an_error_in_the_organisations_file_names_its_owner(places: Places) -> None:
    places.organisation('[policy]\nowner = "platform@acme.example"\nserial = "x"\n')

    with pytest.raises(PolicyError) as caught:
        load_policy(places.policies)

    assert "platform@acme.example" in caught.value.hint
