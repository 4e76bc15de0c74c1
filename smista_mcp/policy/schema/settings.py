"""The tables that say what is so: the policy, providers, models, who runs this, and which repository is whose."""

from __future__ import annotations

from typing import Final

from smista_mcp.policy.known import CAPABILITIES, PROVIDER_TYPES
from smista_mcp.policy.schema.language import Key, Table
from smista_mcp.policy.schema.values import (
    COUNTRY,
    CURRENCY,
    DAY,
    FLAG,
    HEADERS,
    MILLISECONDS,
    MOMENT,
    PRICE,
    PUBLIC_KEY,
    QUALITY,
    TEXT,
    TOKENS,
    URL,
    many,
    number,
    one_of,
    some,
    whole,
)

REMOTE: Final = Table(
    "A further policy of the organisation's, fetched and believed by its signature. Only in its file on this machine.",
    {
        "url": Key(
            "Where it is; its signature, in base64, is at the same address with `.sig` behind it.",
            'url = "https://policy.acme.example/smista.toml"',
            URL,
            required=True,
        ),
        "public_key": Key(
            "The Ed25519 key that signs it: 32 bytes in base64.",
            'public_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="',
            PUBLIC_KEY,
            required=True,
        ),
        "max_age_hours": Key(
            "How long the last good one may be used without a newer look; else 72.",
            "max_age_hours = 24",
            whole(1, 24 * 365),
        ),
    },
)

POLICY: Final = Table(
    "What the policy is called and whom to ask about it.",
    {
        "name": Key("What the policy is called.", 'name = "ACME engineering"', TEXT),
        "owner": Key(
            "Whom to ask about it; shown when a policy cannot be used.", 'owner = "platform@acme.example"', TEXT
        ),
        "serial": Key(
            "The edition; count it up with every change. Of the organisation's file, an older edition than one seen "
            "before is refused.",
            "serial = 7",
            whole(0, 10**12),
        ),
        "required": Key(
            "Organisation only: once seen, the file may not go missing again without everything being refused.",
            "required = true",
            FLAG,
        ),
        "expires": Key(
            "Organisation only: from then on the file is refused. A remote one must state it.",
            'expires = "2026-12-31T00:00:00Z"',
            MOMENT,
        ),
        "remote": Key(
            "Organisation only: a further policy, fetched and believed by its signature.",
            "[policy.remote]",
            table=REMOTE,
        ),
    },
)

FACTS: Final = {
    "vendor": Key("Who runs it.", 'vendor = "acme"', TEXT),
    "family": Key("Whose model it is and which.", 'family = "qwen"', TEXT),
    "processing_countries": Key(
        "Every country in which a call may be processed.", 'processing_countries = ["DE", "FR"]', some(COUNTRY)
    ),
    "storage_countries": Key(
        "Every country in which anything of a call may be stored; empty: nothing is stored.",
        'storage_countries = ["DE"]',
        many(COUNTRY),
    ),
    "serving_scope": Key(
        "How widely it may be served from: one region, a zone of several, or anywhere.",
        'serving_scope = "region"',
        one_of(("region", "zone", "global")),
    ),
    "operator_country": Key("Where the operator is established.", 'operator_country = "DE"', COUNTRY),
    "zero_retention": Key("Nothing of a call is kept.", "zero_retention = true", FLAG),
    "trains_on_data": Key("What is sent may be used for training.", "trains_on_data = false", FLAG),
    "certifications": Key(
        "Certificates that the operator holds.", 'certifications = ["iso-27001", "soc2"]', many(TEXT)
    ),
    "evidence_url": Key("Where the operator says so.", 'evidence_url = "https://acme.example/trust"', URL),
    "evidence_date": Key("When that was read.", 'evidence_date = "2026-05-01"', DAY),
    "latency_ms": Key("Typical milliseconds for a short answer.", "latency_ms = 900", MILLISECONDS),
    "speed": Key("Typical tokens of answer a second.", "speed = 80", number(0.001, 1_000_000)),
}

PROVIDER: Final = Table(
    "How to reach a provider that is not well known, or a well-known one in another way; and facts of all its models.",
    {
        "type": Key(
            "Which interface it speaks; well-known providers need none.",
            'type = "openai-compatible"',
            one_of(PROVIDER_TYPES),
        ),
        "base_url": Key("Where it is reached.", 'base_url = "https://llm.acme.example/v1"', TEXT),
        "api_key": Key(
            "Where its key is kept, never the key: ${env:NAME}, ${keyring:NAME} or ${file:PATH}.",
            'api_key = "${env:ACME_API_KEY}"',
            TEXT,
        ),
        "local": Key(
            "Whether it runs on this machine or in your own network. Believed only from the organisation and the user.",
            "local = true",
            FLAG,
        ),
        "region": Key("Where it runs.", 'region = "eu-central-1"', TEXT),
        "headers": Key(
            "Headers to send along; values that may be secret only by reference.",
            'headers = { Authorization = "Bearer ${env:ACME_TOKEN}" }',
            HEADERS,
        ),
        "enabled": Key("false: never used.", "enabled = false", FLAG),
        "model_path": Key("Embedded model only: another GGUF file to run.", 'model_path = "/models/small.gguf"', TEXT),
        **FACTS,
    },
)

MODEL: Final = Table(
    "Facts of a model that the catalog does not know, or that are different here. They come before its provider's.",
    {
        "context_window": Key("Most tokens in and out together.", "context_window = 32768", TOKENS),
        "max_output_tokens": Key("Most tokens in one answer.", "max_output_tokens = 8192", TOKENS),
        "capabilities": Key("What it is capable of.", 'capabilities = ["tools", "json"]', many(one_of(CAPABILITIES))),
        "input_price": Key("Money per million tokens that go in.", 'input_price = "0.50"', PRICE),
        "output_price": Key("Money per million tokens that come out.", 'output_price = "2.00"', PRICE),
        "cached_input_price": Key("Money per million tokens read from a cache.", 'cached_input_price = "0.05"', PRICE),
        "currency": Key("Of the three prices; else USD.", 'currency = "EUR"', CURRENCY),
        "quality": Key(
            "How good it is, 0 to 100, by intent; `default` stands for the others.",
            "quality = { review = 70, default = 50 }",
            QUALITY,
        ),
        "aliases": Key("Other names under which the same model answers.", 'aliases = ["qwen-coder-7b"]', many(TEXT)),
        **FACTS,
    },
)

_WHO: Final = {
    "team": Key("The team.", 'team = "payments"', TEXT),
    "tenant": Key("The customer.", 'tenant = "acme"', TEXT),
    "tier": Key("The customer's tier.", 'tier = "platinum"', TEXT),
    "workload": Key("The kind of job.", 'workload = "nightly"', TEXT),
}

IDENTITY: Final = Table(
    "Who runs this, as far as a trusted file says so.", {"user": Key("The user.", 'user = "ada"', TEXT), **_WHO}
)

REPOSITORY: Final = Table(
    "What is bound to a repository, known by its remote or its folder.",
    {
        "remote": Key(
            "Its remote, as host/owner/name; `*` stands for anything. A repository claims its remotes itself, so what "
            "is known by a remote only narrows.",
            'remote = "github.com/acme/*"',
            some(TEXT),
        ),
        "path": Key(
            "Its folder, absolute, with all below it; `~` is the home folder, `*` anything within one name, `**` any "
            "folders. What is known by a folder also grants.",
            'path = "~/acme/*"',
            some(TEXT),
        ),
        "labels": Key("Labels of every step there.", 'labels = ["regulated"]', some(TEXT)),
        "data": Key("Classes of data that every step there holds.", 'data = ["personal"]', some(TEXT)),
        **_WHO,
    },
)  # fmt: skip
