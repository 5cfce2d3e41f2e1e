"""What is no secret stays: lock files whole, and all but a few of a million lines of sources on this machine."""

from __future__ import annotations

import pytest

from mogplex_ci.sanitize import Sanitizer
from mogplex_ci.untrusted import Untrusted
from tests.slow import mostly_slow
from tests.unit.sanitize.corpus import changed, lines, lock_files, packages, standard_library

SANITIZER = Sanitizer()
LIMIT = 300_000
"""Lines of the packages that are read here; the figures read all of them."""
LOCKS = r"""
"jsonwebtoken": "^9.0.2",
"node_modules/jsonwebtoken": {
"resolved": "https://registry.npmjs.org/csrf-token/-/csrf-token-1.0.0.tgz",
"integrity": "sha512-PRp66vJ865SSqOlgqS8hujT5U4AOgMfhrwYIuIhfKaoSCZcirrmASQr8CX7cUg+RMih+hgznrjp99o+W4pJLHQ==",
"csrf-token": "1.4.0",
"js-tokens": "^3.0.0 || ^4.0.0",
"passport-http-bearer": "~1.0.1",
jsonwebtoken@^9.0.0, jsonwebtoken@^9.0.2:
  version "9.0.2"
  resolved "https://registry.yarnpkg.com/jsonwebtoken/-/jsonwebtoken-9.0.2.tgz#65ff91f4abef1784697d40952bb1998c504caaf3"
  integrity sha512-PRp66vJ865SSqOlgqS8hujT5U4AOgMfhrwYIuIhfKaoSCZcirrmASQr8CX7cUg+RMih+hgznrjp99o+W4pJLHQ==
  /jsonwebtoken@9.0.2:
name = "secrecy"
version = "0.8.0"
checksum = "9bd1c54ea06cfd2f6b63219704de0b9b4f72dcc2b8fdef820be6cd799780e91e"
dependencies = ["auth-token", "jsonwebtoken 9.3.0", "secret-key"]
github.com/golang-jwt/jwt/v5 v5.2.1 h1:OuVbFODueb089Lh128TAcimifWaLhJwVflnrgM17wHk=
github.com/acme/go-token v1.2.3/go.mod h1:pqrtFR0X4osieyHYxtmOUWsAWrfe1Q5UVIyoH402zdk=
csrf-token==1.4.0 \
    --hash=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
{file = "PyJWT-2.8.0.whl", hash = "sha256:59127c392cc44c2da5bb3192169a91f429924e17aff6534d70fdc02ab3e04320"},
"name": "lcobucci/jwt", "version": "5.3.0", "reference": "08071d8d2c7f4b00222cc4b1fb6aa46990a80f83",
"lexik/jwt-authentication-bundle": "^2.20",
fetch(url, { credentials: "include" });
fetch(url, { credentials: "same-origin", mode: "cors" });
chown -u root:wheel /usr/local/bin/tool
docker run --user 1000:1000 alpine
#define TOKEN 0x1F
const KEY = 0xdeadbeef;
static const uint32_t session_key = 0x9E3779B9;
token = 0x7fff5694dc58
""".strip().splitlines()


def test_lock_files_and_code_about_secrets_stay_whole() -> None:
    assert [SANITIZER.clean(Untrusted(line)) for line in LOCKS] == LOCKS
    assert SANITIZER.clean("\n".join(LOCKS), limit=100_000) == "\n".join(LOCKS)


@pytest.mark.parametrize("source", mostly_slow([lock_files, standard_library, packages], every=3))
def test_harmless_lines_stay_as_they_are(source: object) -> None:
    """At most 20 of a million; those few are listed when there are more."""
    assert callable(source)
    harmless = list(lines(source(), LIMIT))
    assert len(harmless) > 1_000
    found = changed(SANITIZER, harmless)
    assert len(found) <= max(20 * len(harmless) / 1_000_000, 5), found
