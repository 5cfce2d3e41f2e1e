"""Which variables of a job are secrets."""

from __future__ import annotations

import pytest

from mogplex_ci.sanitize import Sanitizer, secrets_of


def test_the_environment_names_its_secrets() -> None:
    long = "0123456789"
    names = (
        "MOGPLEX_API_KEY",
        "INPUT_API-KEY",
        "GITHUB_TOKEN",
        "DB_PASSWORD",
        "client_secret",
        "GCP_CREDENTIALS",
        "SSH_KEY",
        "KEY_PASSPHRASE",
        "DB_PASS",
        "SA_PWD",
        "GH_PAT",
        "REGISTRY_AUTH",
        "SENTRY_DSN",
        "AWS_CREDS",
        "apiKey",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "TOKEN_2",
        "NPM_AUTH_TOKEN",
        "API_TOKENS",
        "SSH_KEYS",
        "APP_JWT",
        "AUTH_COOKIE",
        "SESSION",
        "PHP_SESSION_ID",
        "SLACK_WEBHOOK",
        "TEAMS_WEBHOOK_URL",
        "RELEASE_SIGNATURE",
        "WEBHOOKS",
        "COOKIES",
        "JWT_2",
        "OPENAI_API_KEY_DEV",
        "DEPLOY_PRIVATE_KEY_2",
        "DOCKER_AUTH_CONFIG",
        "ConnectionStrings__Default",
        "SSHPASS",
        "PGPASSWORD",
        "DB_PASS_2",
        "PASS1",
        "KEY_PROD",
        "AUTHORIZATION",
        "GPG_PRIVATE_KEY",
        "NPM_CONFIG__AUTH",
        "APP_SECRETS",
        "PASSWORD2",
        "TOKEN2",
        "OPENAIAPIKEY_DEV",
    )
    others = (
        "PATH",
        "MOGPLEX_IDEMPOTENCY_KEY",
        "INPUT_IDEMPOTENCY-KEY",
        "INPUT_KEY-SUFFIX",
        "MONKEY_ENV",
        "KEYCLOAK_URL",
        "CACHE_KEY",
        "SONAR_PROJECT_KEY",
        "TOKENIZERS_PARALLELISM",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "SECRET_NAME",
        "API_KEY_NAME",
        "SESSION_DRIVER",
        "COOKIE_DOMAIN",
        "SIGNATURE_ALGORITHM",
        "AWS_ROLE_SESSION_NAME",
        # of CI systems and runners
        "CODEBUILD_WEBHOOK_HEAD_REF",
        "CODEBUILD_WEBHOOK_TRIGGER",
        "CODEBUILD_KMS_KEY_ID",
        "JENKINS_SERVER_COOKIE",
        "HUDSON_COOKIE",
        "DESKTOP_SESSION",
        "XDG_SESSION_ID",
    )
    env = {name: f"{long}-{name}" for name in names} | {"EIGHT_TOKEN": "abcd5678"}
    harmless = {name: f"{long}-{name}" for name in others}
    harmless |= {
        "PWD": "/home/runner/work",
        "OLDPWD": "/home/runner/work/web",
        "SSL_KEY": "/home/runner/gha.json",
    }
    harmless |= {"SHORT_TOKEN": "1234567", "SHORT_AND_BLANKS_TOKEN": " 1234567 "}
    assert secrets_of(env | harmless) == set(env.values())


@pytest.mark.parametrize(
    ("value", "is_secret"),
    [
        ("Zq8vXr2LmN5tB7wK", True),
        ("Zq8v-Xr2LmN5t/B7wK+Zq8v==", True),
        ("/opt/Tools17/lib/Main", False),
        ("feature/Login2Page", False),
        ("v2.0.1-Candidate-Release", False),
        ("3f786850e387550fdab836ed7e6dc881de23001b", False),
        ("6BA7B810-9DAD-11D1-80B4-00C04FD430C8", False),
        ("two words of Zq8vXr2LmN5tB7wK", False),
    ],
)
def test_a_word_that_looks_random_is_a_secret_whatever_its_name(
    value: str, *, is_secret: bool
) -> None:
    assert secrets_of({"SETTING": value}) == ({value} if is_secret else set())
    assert secrets_of({"STAGING": value}) == secrets_of({"CITY": value}) == secrets_of({"A": value})
    assert secrets_of({"GITHUB_JOB": value, "INPUT_PROMPT": value}) == set()


@pytest.mark.parametrize(
    "value", ["production", "1234567890", "/run/secrets/token", "https://example.com/oauth/token"]
)
def test_a_plain_value_is_no_secret_in_any_variable(value: str) -> None:
    assert secrets_of({"API_TOKEN": value}) == set()


def test_the_password_of_a_connection_string_is_a_secret() -> None:
    value = "Server=db;User Id=app;Password=p@ss-0123456;Encrypt=true"
    assert "p@ss-0123456" in secrets_of({"SETTING": value})


def test_a_password_in_a_url_is_a_secret_of_the_environment() -> None:
    env = {
        "DATABASE_URL": "postgres://app:p%40ss-0123456@db:5432/app",
        "JDBC_URL": '"jdbc:mysql://app:of-jdbc-0123@db:3306/app"',
        "BROKERS": "amqp://a:broker-one-1@one amqp://a:broker-two-2@two",
        "REDIS_URL": "redis://cache:6379/0",
        "PAGE_URL": "https://example.com/a?token=not-a-password-here",
        "INPUT_PROMPT": "See https://example.com, ask @maintainer, and set token=some-value-here",
    }
    passwords = {"p%40ss-0123456", "p@ss-0123456", "of-jdbc-0123", "broker-one-1", "broker-two-2"}
    assert secrets_of(env) == passwords


def test_the_word_that_a_test_database_has_as_password_is_no_secret() -> None:
    """Hidden, it would be missing in logs, branches and outputs."""
    env = {
        "TEST_URL": "postgres://postgres:postgres@localhost:5432/test",
        "REPO_URL": "https://ci:frontend@git.example.com/acme/frontend",
        "MYSQL_PASSWORD": "password",
        "PG_PASSWORD": "bookshop",
        "PG_USER": "bookshop",
        "API_USER": "Zq8vXr2LmN5tB7wK",
        "API_TOKEN": "Zq8vXr2LmN5tB7wK",
        "OTHER_PASSWORD": "swordfish",
    }
    assert secrets_of(env) == {"swordfish", "Zq8vXr2LmN5tB7wK"}


@pytest.mark.parametrize(
    "public", ["GITHUB_REPOSITORY", "CI_PROJECT_PATH", "INPUT_REPO", "MOGPLEX_REPO"]
)
def test_the_repository_and_the_branch_of_the_job_are_no_secrets(public: str) -> None:
    """Not even when a variable that is named like a secret holds them: outputs would be empty."""
    env = {
        public: "acme-corp/web-frontend",
        "GITHUB_REF_NAME": "release/2026-01",
        "GITHUB_SERVER_URL": "https://github.example.com",
        "SONAR_TOKEN_KEY": "acme-corp/web-frontend",
        "ACME_SECRET": "web-frontend",
        "BRANCH_KEY": "release/2026-01",
        "HOST_TOKEN": "github.example.com",
    }
    safe = Sanitizer(secrets_of(env))
    assert safe.repo("acme-corp/web-frontend") == "acme-corp/web-frontend"
    assert safe.branch("release/2026-01") == "release/2026-01"
    assert safe.url("https://github.example.com/acme-corp/web-frontend/pull/1") is not None
