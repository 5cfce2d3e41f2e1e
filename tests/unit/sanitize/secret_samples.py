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
"""Secrets that can be known wherever they stand."""
