"""Secrets made anew for each test, in the shapes that vendors document; none is written out in this
file.

The shapes are read from the vendors' documentation, not from ``formats.tsv``, which is tested
against them.
"""

import base64
import json
import string
from collections.abc import Callable
from random import Random
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
UPPER = string.ascii_uppercase + string.digits
HEX = "0123456789abcdef"
WEB = ALNUM + "-_"
B64 = ALNUM + "+/"


def seeded(seed: int) -> Random:
    """Return a source of samples that is the same each time."""
    return Random(seed)  # noqa: S311 - no real secret


Maker = Callable[[Random], str]


def of(*parts: str | tuple[str, int]) -> Maker:
    """Return a maker of texts: a part is literal, or so many characters of an alphabet."""

    def make(random: Random) -> str:
        return "".join(
            part if isinstance(part, str) else "".join(random.choices(part[0], k=part[1]))
            for part in parts
        )

    return make


def _jwt(random: Random) -> str:
    parts = (
        {"alg": "HS256", "typ": "JWT"},
        {"sub": of((ALNUM, 12))(random), "iat": random.randrange(10**9)},
    )
    encoded = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts
    ]
    return ".".join([*encoded, of((WEB, 43))(random)])


def _pem(label: str, *, header: str = "") -> Maker:
    def make(random: Random) -> str:
        body = "\n".join(of((B64, 64))(random) for _ in range(random.randrange(3, 20)))
        return f"-----BEGIN {label}-----\n{header}{body}\n{of((B64, 22))(random)}==\n-----END {label}-----"

    return make


def telling_parts(secret: str) -> list[str]:
    """Return pieces of the random part of ``secret``, none of which may be left of it."""
    if secret.startswith("-----BEGIN"):
        return [line for line in secret.splitlines()[1:-1] if len(line) > 20]
    size = 6 if len(secret) < 20 else 10
    random_part = secret[-(12 if secret.startswith("https://") else min(30, len(secret) // 2)) :]
    return [random_part[at : at + size] for at in range(max(len(random_part) - size, 0) + 1)]


STANDALONE: dict[str, Maker] = {
    "Mogplex": of("mog_", (ALNUM, 32)),
    "GitHub personal": of("ghp_", (ALNUM, 36)),
    "GitHub user to server": of("ghu_", (ALNUM, 36)),
    "GitHub server to server": of("ghs_", (ALNUM, 36)),
    "GitHub server to server, stateless": lambda random: (
        of("ghs_", ("123456789", 7), "_")(random) + _jwt(random)
    ),
    "GitHub fine-grained": of("github_pat_", (ALNUM, 22), "_", (ALNUM, 59)),
    "GitLab runner, registered": of("glrtr-", (WEB, 20)),
    "GitLab workspace": of("glwt-", (WEB, 20)),
    "AWS access key id": of("AKIA", (UPPER, 16)),
    "AWS access key id of letters": of("AKIA", (string.ascii_uppercase, 16)),
    "AWS temporary key id": of("ASIA", (UPPER, 16)),
    "AWS session token": of("IQoJb3JpZ2lu", (B64, 300)),
    "Google API key": of("AIza", (WEB, 35)),
    "Google access token": of("ya29.", (WEB, 120)),
    "Google refresh token": of("1//0", (WEB, 60)),
    "Google client secret": of("GOCSPX-", (WEB, 28)),
    "Azure client secret": of((ALNUM, 3), "8Q~", (WEB, 34)),
    "Azure storage key": of((B64, 76), "+ASt", (B64, 6), "=="),
    "Azure Cosmos key": of((B64, 76), "ACDb", (B64, 6), "=="),
    "Azure DevOps": of((ALNUM, 52), "JQQJ99BK", (ALNUM, 12), "AAAAAZDO", (ALNUM, 4)),
    "Slack user": of(
        "xoxp-", ("123456789", 12), "-", ("123456789", 12), "-", ("123456789", 13), "-", (HEX, 32)
    ),
    "Slack rotating": of("xoxe.xoxp-1-", (ALNUM, 160)),
    "Slack webhook": of(
        "https://hooks.slack.com/services/T", (UPPER, 10), "/B", (UPPER, 10), "/", (ALNUM, 24)
    ),
    "Slack workflow": of(
        "https://hooks.slack.com/workflows/T", (UPPER, 10), "/A", (UPPER, 10), "/", (ALNUM, 24)
    ),
    "Anthropic OAuth": of("sk-ant-oat01-", (WEB, 93), "AA"),
    "Stripe webhook": of("whsec_", (ALNUM, 32)),
    "SendGrid": of("SG.", (WEB, 22), ".", (WEB, 43)),
    "npm": of("npm_", (ALNUM, 36)),
    "TestPyPI": of("pypi-AgENdGVzdC5weXBpLm9yZw", (WEB, 150)),
    "Hugging Face": of("hf_", (ALNUM, 34)),
    "Docker personal": of("dckr_pat_", (WEB, 27)),
    "Docker organization": of("dckr_oat_", (WEB, 32)),
    "Linear OAuth": of("lin_oauth_", (HEX, 64)),
    "Telegram": of(("123456789", 10), ":", (WEB, 35)),
    "New Relic user": of("NRAK-", (UPPER, 27)),
    "New Relic insights": of("NRII-", (WEB, 32)),
    "New Relic license": of((HEX, 36), "NRAL"),
    "Doppler service": of("dp.st.prd.", (ALNUM, 43)),
    "Vault recovery": of("hvr.", (WEB, 95)),
    "JWT": _jwt,
    "PKCS#8": _pem("PRIVATE KEY"),
    "RSA": _pem("RSA PRIVATE KEY"),
    "EC": _pem("EC PRIVATE KEY"),
    "OpenSSH": _pem("OPENSSH PRIVATE KEY"),
    "PKCS#8 encrypted": _pem("ENCRYPTED PRIVATE KEY"),
    "RSA encrypted": _pem(
        "RSA PRIVATE KEY", header="Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0A1B\n\n"
    ),
    "PGP": _pem("PGP PRIVATE KEY BLOCK", header="Version: GnuPG v2\n\n"),
}
"""Secrets that can be known wherever they stand, of which betterleaks has no rule with a sample."""

# What a password is made of: a digit somewhere, nothing that ends a value where it stands.
PASSWORD = of((ALNUM, 5), "7", (ALNUM + "!@^*+~-", 8), (ALNUM, 2))
_WORDY = of((string.ascii_lowercase, 14))
_BASE64 = of((B64, 40))

NAMED: dict[str, tuple[str, Maker]] = {
    "shell, letters only": ("export DB_PASSWORD={}", _WORDY),
    "shell, AWS": ("AWS_SECRET_ACCESS_KEY={}", _BASE64),
    "shell, quoted": ("export API_KEY='{}'", PASSWORD),
    "ini, AWS": ("aws_secret_access_key = {}", _BASE64),
    "YAML, letters only": ("  password: {}", _WORDY),
    "JSON, letters only": ('{{"client_secret":"{}"}}', _WORDY),
    "environment in code": ('os.environ["DEPLOY_TOKEN"] = "{}"', PASSWORD),
    "flag, letters only": ("deploy --password {}", _WORDY),
    "flag, quoted": ("deploy --client-secret '{}'", PASSWORD),
    "flag in a list": ('["deploy", "--token", "{}"]', PASSWORD),
    "connection string": ("Server=db;User Id=sa;Password={};Encrypt=true", PASSWORD),
    "Azure connection string": (
        "AccountName=acme;AccountKey={};EndpointSuffix=core.windows.net",
        of((B64, 86), "=="),
    ),
    "URL": ("postgres://app:{}@db.example.com/app", of((ALNUM, 6), "7!", (ALNUM, 6))),
    "URL, no user": ("redis://:{}@cache:6379/0", of((ALNUM, 16))),
    "git URL": ("https://x-access-token:{}@github.com/acme/web.git", of((ALNUM, 40))),
    "Bearer header": ("Authorization: Bearer {}", of((WEB, 40))),
    "Basic header": ("Authorization: Basic {}", of((ALNUM, 30), "==")),
    "token header": ("authorization: token {}", of((HEX, 40))),
    "Digest header": ('Authorization: Digest username="a", response="{}"', of((HEX, 32))),
    "header in curl": ("curl -H 'Authorization: Bearer {}' https://api.example.com", of((WEB, 40))),
    "header in JSON": ('{{"headers": {{"Authorization": "Bearer {}"}}}}', of((WEB, 40))),
    "bearer in prose": ("it sent bearer {} to the server", of((ALNUM, 9), "7", (ALNUM, 20))),
    "X-Api-Key": ("X-Api-Key: {}", of((ALNUM, 24))),
    "X-Auth-Token": ("X-Auth-Token: {}", of((ALNUM, 24))),
    "Private-Token": ("PRIVATE-TOKEN: {}", of((ALNUM, 20))),
    "npmrc": ("//registry.example.com/:_authToken={}", of((ALNUM, 36))),
    "npmrc, basic": ("//registry.example.com/:_auth={}", of((ALNUM, 36))),
    "rest of what the service redacted": ("I deploy with [redacted]{} now.", of((ALNUM, 24))),
    "rest of a stateless token": (
        "I deploy with [redacted].{} now.",
        of((WEB, 60), ".", (WEB, 43)),
    ),
    "presigned URL": (
        "https://b.s3.amazonaws.com/k?X-Amz-Signature={}&X-Amz-Expires=9",
        of((HEX, 64)),
    ),
    "shared access signature": (
        "https://acme.blob.core.windows.net/c?sv=2024-01-01&sig={}",
        of((ALNUM, 43), "%3D"),
    ),
}
"""Secrets that only what stands before them tells, beside those in ``FORMS``: where they stand, and
how they look.
"""

FORMS = {
    "shell": "export {NAME}={secret}",
    "shell, quoted": 'export {NAME}="{secret}"',
    ".env": "{NAME}={secret}\n",
    "ini": "{name} = {secret}",
    "YAML": "{name}: {secret}",
    "YAML, quoted": '  {name}: "{secret}"',
    "YAML block": "{name}: |\n  {secret}\nother: 1",
    "JSON": '{{"{name}": "{secret}", "other": 1}}',
    "JSON, camel case": '{{"{camel}":"{secret}"}}',
    "JSON in JSON": '"{{\\"{name}\\": \\"{secret}\\"}}"',
    "pair in JSON": '{{"name": "{NAME}", "value": "{secret}"}}',
    "pair in YAML": "- name: {NAME}\n  value: {secret}",
    "pair in YAML, quoted": "  - name: {NAME}\n    value: '{secret}'",
    "Python": "{name} = '{secret}'",
    "Python, typed": '{name}: str = "{secret}"',
    "TypeScript": 'const {camel}: string = "{secret}";',
    "TypeScript, optional": "private {camel}?: string = '{secret}';",
    "Rust": 'let {name}: &str = "{secret}";',
    "fallback": 'const {camel} = process.env.{NAME} || "{secret}";',
    "JavaScript": "{camel} = `{secret}`",
    "Go": 'var {camel} string = "{secret}"',
    "Go, short": '{camel} := "{secret}"',
    "PHP": "'{name}' => '{secret}',",
    "Ruby": '{name} ||= "{secret}"',
    "make": "{NAME} ?= {secret}",
    "make, appended": "{NAME} += {secret}",
    "make, immediate": "{NAME} ::= {secret}",
    "C": 'setenv("{NAME}", "{secret}", 1);',
    "Java": 'System.setProperty("{camel}", "{secret}");',
    "Dockerfile": "ENV {NAME} {secret}",
    "flag": "tool --{flag} {secret} --yes",
    "flag with =": "tool --{flag}={secret}",
    "XML": "<{camel}>{secret}</{camel}>",
    "XML, lines": "<{camel}>\n  {secret}\n</{camel}>",
    "XML, CDATA": "<{camel}><![CDATA[{secret}]]></{camel}>",
    "XML attribute": '<service {camel}="{secret}" retry="3"/>',
    "XML pair": '<add key="{camel}" value="{secret}" />',
    "query": "GET /v1?{name}={secret}&page=2",
    "header": "X-{header}: {secret}",
    "prose": "{title}: {secret}",
    "markdown": "**{title}:** {secret}",
    "markdown, colon outside": "**{title}**: `{secret}`",
    "Authorization": "Authorization: Acme {secret}",
    "Authorization, Bearer": '"Authorization": "Bearer {secret}"',
    "Cookie": "Cookie: theme=dark; session={secret}; lang=en",
    "Docker's auth": '{{"auths": {{"ghcr.io": {{"auth": "{secret}"}}}}}}',
    "netrc": "machine api.example.com login ada password {secret}",
    "docker login": "docker login -u ada -p {secret} ghcr.io",
    "mysql": "mysql -h db -u root -p{secret} shop",
    "redis-cli": "redis-cli -h cache -a {secret} ping",
    "curl": "curl -u ada:{secret} https://example.com",
    "URL": "https://ada:{quoted}@example.com/v1",
    "base64": "data: {base64}",
}
"""Texts that show the secret of some service together with its name."""


def formed(secret: str, form: str, name: str) -> str:
    """Return ``secret`` in ``form`` under the snake case ``name``; names of commands and headers
    stay theirs.
    """
    words = name.split("_")
    pascal = "".join(map(str.capitalize, words))
    return FORMS[form].format(
        secret=json.dumps(secret)[1:-1] if "JSON" in form else secret,
        quoted=quote(secret, safe=""),
        name=name,
        NAME=name.upper(),
        camel=words[0] + pascal[len(words[0]) :],
        flag="-".join(words),
        header="-".join(map(str.capitalize, words)),
        title=" ".join(map(str.capitalize, words)),
        base64=base64.b64encode(f"{name.upper()}={secret}\n".encode()).decode(),
    )


_SUFFIXES = ("api_key", "token", "secret", "access_key", "client_secret", "password")


def name_for(service: str, seed: str) -> str:
    """Return a name for a secret of ``service``, such as ``acme_api_key``."""
    return f"{service}_{seeded(len(seed)).choice(_SUFFIXES)}"
