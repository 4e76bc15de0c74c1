"""What kind of work a step is, from its text: the policy's own rules first, then a deterministic classifier.

The classifier is hand-written (`smista_mcp.facts.lexicon`), knows eight languages written with spaces and three
written without, and would rather say nothing than be wrong: below `CERTAIN_ENOUGH` the step gets the policy's default
intent. It reads at most `HEAD_CHARS` and `TAIL_CHARS` of a text, so its time has a bound however much material is
pasted into the task.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from smista_mcp.facts import lexicon
from smista_mcp.facts.matching import PathPatterns
from smista_mcp.facts.types import Intent, IntentSource
from smista_mcp.policy.types import ClassificationRule, Policy

HEAD_CHARS: Final = 3000
"""How much of a text's beginning the built-in classifier reads."""
TAIL_CHARS: Final = 600
"""How much of its end: where an instruction stands after the material."""
KEYWORD_HEAD_CHARS: Final = 16_000
"""How much of a text's beginning is searched for the keywords of classification rules."""
KEYWORD_TAIL_CHARS: Final = 16_000
"""How much of its end."""
CERTAIN_ENOUGH: Final = 0.4
"""Least confidence with which the built-in classifier speaks at all."""
SUSPICION: Final = 0.7
"""Confidence from which the built-in classifier is heard although the caller says something else. Of its guesses
this sure, 98 % were right on prompts it had not been tuned on."""
FALLBACK_INTENT: Final = "chat"
"""The intent where nobody says anything and the policy has no default."""
FALLBACK_CONFIDENCE: Final = 0.1
POLICY_CONFIDENCE: Final = 1.0
"""A rule that somebody wrote for these words is not a guess."""
MOST: Final = 0.97
"""The built-in classifier is never surer than this."""


def classify(task: str, *, has_context: bool, path_names: tuple[tuple[str, ...], ...], policy: Policy) -> Intent:
    """The intent of `task`, who settled it and how firmly.

    In this order: the policy's classification rules by layer, priority and file order; the built-in classifier;
    ``default_intent`` of the policy; `FALLBACK_INTENT`.

    Args:
        task: the caller's text.
        has_context: whether the caller passed material or named a path.
        path_names: for each path of the step, all its names (`PathFact.names`).
        policy: the merged policy.
    """
    for by_rule in _by_policy(task, has_context=has_context, path_names=path_names, rules=policy.classification):
        return by_rule
    guess = classify_text(task)
    if guess is not None:
        return guess
    return Intent(
        value=policy.default_intent or FALLBACK_INTENT,
        source=IntentSource.DEFAULT,
        confidence=FALLBACK_CONFIDENCE,
        evidence="the policy's default_intent" if policy.default_intent else "nothing in the text says what it is",
    )


def suspects(
    task: str, *, has_context: bool, path_names: tuple[tuple[str, ...], ...], policy: Policy
) -> frozenset[str]:
    """Every intent that `task` may well have, whatever its caller says: that of each classification rule that
    applies, and the built-in classifier's where it is at least `SUSPICION` sure. Arguments as for `classify`."""
    found = _by_policy(task, has_context=has_context, path_names=path_names, rules=policy.classification)
    intents = {intent.value for intent in found}
    guess = classify_text(task)
    if guess is not None and guess.confidence >= SUSPICION:
        intents.add(guess.value)
    return frozenset(intents)


# --- the policy's rules ---------------------------------------------------------------------------------------------

_SCRIPTS_WITHOUT_SPACES: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uac00-\ud7af\uff66-\uff9d\U00020000-\U0003134f"
)
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean: a keyword may begin or end anywhere in them."""
_WORD_CHAR: Final = re.compile(f"[^\\W{_SCRIPTS_WITHOUT_SPACES}]")


@dataclass(frozen=True, slots=True)
class _ReadyRule:
    rule: ClassificationRule
    keywords: tuple[tuple[str, str], ...]
    """As compared, and as written."""
    paths: PathPatterns | None


@lru_cache(maxsize=4)
def _ready(rules: tuple[ClassificationRule, ...]) -> tuple[_ReadyRule, ...]:
    ordered = sorted(rules, key=lambda rule: (rule.layer, rule.priority, rule.order))
    return tuple(
        _ReadyRule(
            rule,
            tuple((fold, word) for word in rule.keywords if (fold := _comparable(word))),
            PathPatterns(rule.paths) if rule.paths else None,
        )
        for rule in ordered
    )


def _comparable(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).split())


def _by_policy(
    task: str, *, has_context: bool, path_names: tuple[tuple[str, ...], ...], rules: tuple[ClassificationRule, ...]
) -> Iterator[Intent]:
    """What each rule that applies makes of the step, the first rule first."""
    if not rules:
        return
    text: str | None = None
    for ready in _ready(rules):
        rule = ready.rule
        if rule.requires_any_context and not (has_context or path_names):
            continue
        evidence = ""
        if ready.keywords:
            if text is None:
                text = _comparable(_ends(task, KEYWORD_HEAD_CHARS, KEYWORD_TAIL_CHARS))
            word = _first_keyword(text, ready.keywords)
            if word is None:
                continue
            evidence = f"keyword “{word}”"
        if ready.paths is not None:
            names = next((names for names in path_names if ready.paths.matches(names)), None)
            if names is None:
                continue
            evidence = f"{evidence} and path {names[0]}" if evidence else f"path {names[0]}"
        if not evidence:
            if not rule.requires_any_context:
                continue  # no condition at all: the rule only makes its intent known
            evidence = "the step brings context"
        yield Intent(rule.intent, IntentSource.POLICY, POLICY_CONFIDENCE, f"{evidence} ({rule.place})")


def _first_keyword(text: str, keywords: Sequence[tuple[str, str]]) -> str | None:
    """The first of `keywords` that stands in `text` as a word of its own. Linear in the text for each keyword."""
    for keyword, written in keywords:
        bound_before = _WORD_CHAR.match(keyword[0]) is not None
        bound_after = _WORD_CHAR.match(keyword[-1]) is not None
        at = text.find(keyword)
        while at >= 0:
            end = at + len(keyword)
            free_before = not bound_before or at == 0 or _WORD_CHAR.match(text[at - 1]) is None
            free_after = not bound_after or end == len(text) or _WORD_CHAR.match(text[end]) is None
            if free_before and free_after:
                return written
            at = text.find(keyword, at + 1)
    return None


def _ends(text: str, head: int, tail: int) -> str:
    """`text`, or where it is long its beginning and its end, kept apart so that no word arises at the seam."""
    if len(text) <= head + tail:
        return text
    return f"{text[:head]}\n\n…\n\n{text[-tail:]}"


# --- the built-in classifier ----------------------------------------------------------------------------------------

_MAX_CLAUSES: Final = 7
_MAX_CLAUSE_WORDS: Final = 60
_GAP: Final = 6
"""Most words that a ``*`` of a phrase stands for."""
_DECAY: Final = (1.0, 0.85, 0.75, 0.65, 0.6, 0.55, 0.5)
"""What a clause's word counts, by its position: people say what they want first."""
_ANYWHERE: Final = 0.62
"""What a verb counts that is not where an imperative stands."""
_RIVALRY: Final = 0.75
"""How much of the runner-up's score is taken from the winner's."""

_FENCE: Final = re.compile(r"```[^`]*(?:```|\Z)|~~~[^~]*(?:~~~|\Z)")
_QUOTED: Final = re.compile(
    r"`[^`\n]{1,200}`|\"[^\"\n]{1,200}\"|(?<!\w)'[^'\n]{1,200}'(?!\w)|“[^”\n]{1,200}”|«[^»\n]{1,200}»"
)
_TLDR: Final = re.compile(r"(?i)\btl\s?;\s?dr\b")
_URL: Final = re.compile(r"\bhttps?://\S+")
_PATHLIKE: Final = re.compile(r"(?<!\S)[\w./\\-]*[\w]+[./\\_][\w./\\-]*\w(?:\(\))?|\b\w+\(\)")
_TOKEN: Final = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|¤|[.,;:!?\n()。，；：！？、—¿¡]")
_SLIPS: Final = frozenset(lexicon.SLIPS.split())
_RELATIVES: Final = frozenset(lexicon.RELATIVES.split())
_BECAUSE: Final = frozenset(lexicon.BECAUSE.split())
_CLAUSE_END: Final = frozenset(".,;:!?\n()。，；：！？、—¿¡")
_CJK_CHAR: Final = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af]")
_FAILURE: Final = re.compile(
    r"Traceback \(most recent|\b[A-Z]\w*(?:Error|Exception)\b|\bpanic:|\bFAILED\b|\b[eE]rror(?:\[\w+\])?:"
    r"|\bSIG(?:SEGV|ABRT)\b"
)
_SUM: Final = re.compile(r"\d\s*[-+*/×÷^=]\s*\(?\d|\b[xyz]\s?\^\s?\d|\b[xyz]\s?[-+*/=]\s?\d")

Score = tuple[float, str, str]
"""Weight, intent, evidence."""


@dataclass(frozen=True, slots=True)
class _Tables:
    openers: dict[str, tuple[tuple[str, ...], ...]]
    verbs: dict[str, tuple[tuple[float, str], ...]]
    makers: frozenset[str]
    objects: dict[str, tuple[tuple[tuple[str, ...], float, str], ...]]
    phrases: dict[str, tuple[tuple[tuple[str, ...], float, str, bool], ...]]
    trouble: dict[str, float]
    code_languages: frozenset[str]
    cjk: re.Pattern[str]
    cjk_weight: dict[str, tuple[float, str]]


@lru_cache(maxsize=1)
def _tables() -> _Tables:
    openers: dict[str, list[tuple[str, ...]]] = {}
    for words in _entries(lexicon.OPENERS):
        openers.setdefault(words[0], []).append(words)
    verbs: dict[str, dict[str, float]] = {}
    for intent, by_weight in lexicon.VERBS.items():
        for weight, text in by_weight.items():
            for verb in text.split():
                known = verbs.setdefault(_unaccented(verb), {})
                known[intent] = max(weight, known.get(intent, 0.0))
    objects: dict[str, dict[tuple[str, ...], tuple[float, str]]] = {}
    for intent, by_weight in lexicon.OBJECTS.items():
        for weight, text in by_weight.items():
            for words in _entries(text):
                objects.setdefault(words[0], {}).setdefault(words, (weight, intent))
    phrases: dict[str, list[tuple[tuple[str, ...], float, str, bool]]] = {}
    head_only = set(_entries(lexicon.HEAD_ONLY))
    for intent, by_weight in lexicon.PHRASES.items():
        for weight, text in by_weight.items():
            for words in _entries(text):
                phrases.setdefault(words[0], []).append((words, weight, intent, words in head_only))
    cjk = {
        cue.replace("_", " "): (weight, intent)
        for intent, by_weight in lexicon.CJK.items()
        for weight, text in by_weight.items()
        for cue in text.split()
    }
    longest_first = sorted(cjk, key=lambda cue: (-len(cue), cue))
    return _Tables(
        openers={first: tuple(sorted(all_, key=len, reverse=True)) for first, all_ in openers.items()},
        verbs={verb: tuple((weight, intent) for intent, weight in known.items()) for verb, known in verbs.items()},
        makers=frozenset(_unaccented(lexicon.MAKERS).split()),
        objects={
            first: tuple(sorted(((w, *s) for w, s in known.items()), key=lambda entry: -len(entry[0])))
            for first, known in objects.items()
        },
        phrases={first: tuple(sorted(all_, key=lambda entry: -len(entry[0]))) for first, all_ in phrases.items()},
        trouble={word: weight for weight, text in lexicon.TROUBLE.items() for word in _unaccented(text).split()},
        code_languages=frozenset(lexicon.CODE_LANGUAGES.split()),
        cjk=re.compile("|".join(re.escape(cue) for cue in longest_first)),
        cjk_weight=cjk,
    )


def _entries(text: str) -> Iterator[tuple[str, ...]]:
    for line in text.splitlines():
        for entry in line.split("|"):
            words = tuple(_unaccented(entry.replace("-", " ")).split())
            if words:
                yield words


_ACCENTED: Final = {
    code: base for code in range(0xC0, 0x250) if (base := unicodedata.normalize("NFD", chr(code))[0]) != chr(code)
}


def _unaccented(text: str) -> str:
    """Case-folded, with Latin letters stripped of their accents; other scripts keep theirs."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", text).casefold().translate(_ACCENTED).replace("’", "'")


@lru_cache(maxsize=4)
def classify_text(task: str) -> Intent | None:
    """What the built-in classifier makes of `task`; ``None`` where it is not `CERTAIN_ENOUGH`."""
    raw = _ends(task, HEAD_CHARS, TAIL_CHARS)
    prose = _FENCE.sub("\n", raw) if "```" in raw or "~~~" in raw else raw
    if "`" in prose or '"' in prose or "'" in prose or "“" in prose or "«" in prose:
        prose = _QUOTED.sub(" ¤ ", prose)
    scores: list[Score] = []
    if not prose.isascii() and _CJK_CHAR.search(prose):
        scores.extend(_cjk_scores(prose))
    scores.extend(_clause_scores(prose))
    scores.extend(_trouble_scores(raw, prose, scores))
    if _SUM.search(prose[:300]):
        scores.append((0.3, "math", "a sum"))
    return _verdict(scores)


def _verdict(scores: list[Score]) -> Intent | None:
    totals: dict[str, float] = {}
    best: dict[str, tuple[float, str]] = {}
    for weight, intent, evidence in scores:
        totals[intent] = 1 - (1 - totals.get(intent, 0.0)) * (1 - weight)
        if weight > best.get(intent, (0.0, ""))[0]:
            best[intent] = (weight, evidence)
    if not totals:
        return None
    ranked = sorted(totals.items(), key=lambda item: (-item[1], item[0]))
    intent, top = ranked[0]
    rival = ranked[1][1] if len(ranked) > 1 else 0.0
    confidence = round(min(MOST, top * (1 - _RIVALRY * (rival / top) ** 2)), 2)
    if confidence < CERTAIN_ENOUGH:
        return None
    return Intent(intent, IntentSource.CLASSIFIER, confidence, best[intent][1])


def _clauses(prose: str) -> list[list[str]]:
    """The first clauses of a text, each a list of words; of a long text its last line too."""
    text = _URL.sub(" ¤ ", prose[:800]) if "http" in prose[:800] else prose[:800]
    text = _PATHLIKE.sub("¤", _TLDR.sub("tldr", text))
    clauses: list[list[str]] = []
    current: list[str] = []
    for token in _TOKEN.findall(_unaccented(text)):
        if token in _CLAUSE_END:
            if current:
                clauses.append(current)
                current = []
                if len(clauses) == _MAX_CLAUSES:
                    break
        elif len(current) < _MAX_CLAUSE_WORDS:
            current.append(token)
    if current:
        clauses.append(current)
    return clauses


def _clause_scores(prose: str) -> Iterator[Score]:
    tables = _tables()
    clauses = _clauses(prose)
    for position, words in enumerate(clauses):
        decay = _DECAY[min(position, len(_DECAY) - 1)]
        for weight, intent, evidence in _read_clause(words, tables):
            yield weight * decay, intent, evidence
    if len(prose) > 800:
        last = prose.rstrip()[-TAIL_CHARS:].rsplit("\n", 1)[-1]
        for words in _clauses(last)[:2]:
            for weight, intent, evidence in _read_clause(words, tables):
                if weight >= 0.8:
                    yield weight * 0.7, intent, f"{evidence}, in the last line"


def _read_clause(words: list[str], tables: _Tables) -> Iterator[Score]:
    start, opened = _after_openers(words, tables)
    spoken: set[str] = set()
    for at in range(len(words)):
        for phrase, weight, intent, head_only in tables.phrases.get(words[at], ()):
            if head_only and at not in (0, start):
                continue
            if intent not in spoken and _phrase_stands(phrase, words, at):
                spoken.add(intent)
                yield weight, intent, f"“{' '.join(phrase)}”"
                break
    if words[start : start + 1] in (["i"], ["we"]) and words[start + 1 : start + 2] in (["need"], ["want"]):
        start += 1
    if start >= len(words):
        return
    verb = words[start]
    yield from _read_verb(verb, words, start, tables, settled=bool(spoken), translating="translate" in spoken)
    if verb not in tables.verbs and verb not in tables.makers and len(words) > start + 1:
        yield from _read_late_verb(words, start, tables, opened=opened, settled=bool(spoken))


def _read_verb(
    verb: str, words: list[str], at: int, tables: _Tables, *, settled: bool, translating: bool
) -> Iterator[Score]:
    """The verb where an imperative stands, together with what is to be done to."""
    known = tables.verbs.get(verb, ())
    if known:
        rest = words[at + 1 :]
        if (
            not rest
            and len(words) == 1
            and verb not in ("review", "summarize", "translate", "explain", "debug", "tldr")
        ):
            known = tuple((weight * 0.6, intent) for weight, intent in known)
        target = _object_after(words, at, tables)
        for weight, intent in known:
            yield _adjusted(weight, intent, verb, rest, target)
    if verb in tables.makers:
        target = _object_after(words, at, tables)
        if verb == "cover" and not {"test", "tests"}.isdisjoint(words):
            target = (0.9, "test", "tests")
        if translating:
            return
        if target is not None:
            weight, intent, noun = target
            yield weight, intent, f"“{verb} … {noun}”"
        elif not known and not settled and len(words) > at + 1:
            yield lexicon.BARE_MAKER[1], lexicon.BARE_MAKER[0], f"“{verb}”"


def _adjusted(weight: float, intent: str, verb: str, rest: list[str], target: Score | None) -> Score:
    """A verb's meaning, changed by its object where the two together say something else."""
    evidence = f"“{verb}”"
    if intent == "translate" and any(word in _tables().code_languages for word in rest[-2:]) and weight > 0.9:
        return 0.6, "edit", f"“{verb} … {rest[-1]}”"
    if target is not None:
        noun = target[2]
        if intent == "edit" and target[1] in ("write", "prompt", "skill", "document", "plan"):
            return target[0] * 0.85, target[1], f"“{verb} … {noun}”"
        if intent == "debug" and target[1] in ("document", "prompt", "skill", "write"):
            return 0.55, target[1], f"“{verb} … {noun}”"
        if intent == "explain" and verb == "describe" and target[1] == "document":
            return 0.6, "document", f"“{verb} … {noun}”"
    if intent == "debug" and weight <= 0.7 and any(word in _SLIPS for word in rest):
        return 0.7, "edit", f"“{verb} …” of a slip"
    if intent == "debug" and weight <= 0.75 and any(word in _tables().trouble for word in rest):
        return 0.92, "debug", f"“{verb}” with a failure"
    if intent == "test" and weight <= 0.7 and len(rest) > 5:
        return weight * 0.8, intent, evidence
    return weight, intent, evidence


def _read_late_verb(words: list[str], start: int, tables: _Tables, *, opened: bool, settled: bool) -> Iterator[Score]:
    """A verb that does not stand first: after “in the parser”, or at the end as German infinitives do."""
    if settled:
        return
    found: Score | None = None
    last = words[-1]
    candidates = [(len(words) - 1, last)] if last in tables.verbs and last.endswith(("en", "ern", "eln")) else []
    if words[start] in ("in", "for", "if", "when", "from", "on", "after", "before", "within", "at", "inside", "¤"):
        candidates += [(at, word) for at, word in enumerate(words[start + 1 :], start + 1) if word in tables.verbs]
    for at, verb in candidates[:3]:
        for weight, intent in tables.verbs[verb]:
            scaled = weight * (0.9 if opened and verb == last else _ANYWHERE)
            if found is None or scaled > found[0]:
                found = (scaled, intent, f"“{verb}”")
        target = _object_after(words, at, tables) if verb in tables.makers else None
        if target is not None and (found is None or target[0] * _ANYWHERE > found[0]):
            found = (target[0] * _ANYWHERE, target[1], f"“{verb} … {target[2]}”")
    if opened and found is None and last in tables.makers:
        target = _object_after(words, start - 1, tables)
        if target is not None:
            found = (target[0] * 0.9, target[1], f"“{target[2]} … {last}”")
    if found is not None:
        yield found


def _object_after(words: list[str], at: int, tables: _Tables) -> Score | None:
    """The first thing named after the word at `at` that a table knows; a weak one yields to a strong one close by.

    A compound is read to its last noun (“test function” is a function, “a function test” a test).
    """
    found: Score | None = None
    end_of_found = 0
    for position in range(at + 1, min(len(words), at + 16)):
        if position < end_of_found:
            continue
        if found is not None and (position > end_of_found + 5 or (found[0] >= 0.6 and words[position] in _RELATIVES)):
            break
        for noun, weight, intent in tables.objects.get(words[position], ()):
            if tuple(words[position : position + len(noun)]) == noun:
                adjoining = position <= end_of_found + 1
                if found is None or found[0] < 0.6 or (adjoining and (found[1] == "edit" or intent != "edit")):
                    found = (weight, intent, " ".join(noun))
                end_of_found = position + len(noun)
                break
        else:
            if words[position] in _BECAUSE:
                break
    return found


def _phrase_stands(phrase: tuple[str, ...], words: list[str], at: int) -> bool:
    if "*" not in phrase:
        return tuple(words[at : at + len(phrase)]) == phrase
    gap = phrase.index("*")
    if tuple(words[at : at + gap]) != phrase[:gap]:
        return False
    rest = phrase[gap + 1 :]
    for skipped in range(1, _GAP + 1):
        begin = at + gap + skipped
        if begin + len(rest) > len(words):
            return False
        if tuple(words[begin : begin + len(rest)]) == rest:
            return True
    return False


def _after_openers(words: list[str], tables: _Tables) -> tuple[int, bool]:
    """Where the clause really begins, and whether anything stood before it."""
    at = 0
    moved = True
    while moved and at < len(words):
        moved = False
        for opener in tables.openers.get(words[at], ()):
            if tuple(words[at : at + len(opener)]) == opener:
                at += len(opener)
                moved = True
                break
    return at, at > 0


def _trouble_scores(raw: str, prose: str, so_far: Sequence[Score]) -> Iterator[Score]:
    """That the text reports a failure; counts the less, the clearer an instruction was."""
    tables = _tables()
    told = max((weight for weight, _, _ in so_far), default=0.0)
    if told >= 0.8:
        return
    strength = 0.0
    evidence = ""
    for word in _TOKEN.findall(_unaccented(prose[:500])):
        weight = tables.trouble.get(word, 0.0)
        if weight > 0:
            strength = 1 - (1 - strength) * (1 - weight * 0.8)
            evidence = evidence or f"“{word}”"
    failure = _FAILURE.search(raw[: HEAD_CHARS + TAIL_CHARS])
    if failure is not None:
        strength = 1 - (1 - strength) * 0.5
        evidence = f"“{failure.group().strip()}”"
    if strength > 0 and any(intent == "explain" and "why" in why for _, intent, why in so_far) and told < 0.7:
        strength, told = 1 - (1 - strength) * 0.5, 0.0  # “why does it fail” asks for the cause
    if strength > 0:
        yield min(0.85, strength) * (1 - told**2), "debug", evidence


def _cjk_scores(prose: str) -> Iterator[Score]:
    tables = _tables()
    parts = [(prose[:120], 1.0)]
    if len(prose) > 120:
        parts.append((prose.rstrip()[-60:], 0.6))
    for part, factor in parts:
        seen: set[str] = set()
        for found in tables.cjk.finditer(unicodedata.normalize("NFC", part).casefold()):
            cue = found.group()
            weight, intent = tables.cjk_weight[cue]
            if intent not in seen:
                yield weight * factor, intent, f"“{cue}”"
                seen.add(intent)
