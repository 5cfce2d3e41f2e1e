"""Secrets whose format sets them apart from ordinary text, each from its vendor's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple


class Format(NamedTuple):
    """One kind of secret. ``pattern`` is searched only where one of ``marks`` stands; a group in it is the secret."""

    name: str
    marks: tuple[str, ...]
    pattern: str
    source: str


_LEFT = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))"
"""Where a word begins: also behind an escaped line break or an URL escape."""
_RIGHT = r"(?![A-Za-z0-9_-])"

# Lengths are lower bounds on purpose: vendors lengthen their tokens, and logs cut them.
FORMATS = (
    Format("Mogplex token", ("mog_",), r"mog_[A-Za-z0-9]{16,}", "https://mogplex.com"),
    Format("GitHub token", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), r"gh[pousr]_(?:\d+_)?[A-Za-z0-9]{20,}\w*(?:\.[\w-]{10,}){0,2}", "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats"),
    Format("GitHub fine-grained token", ("github_pat_",), r"github_pat_\w{20,}", "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github#githubs-token-formats"),
    Format("GitLab token", ("gl",), r"gl(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[\w-]{16,}(?:\.[\w-]{2,})*", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    Format("GitLab runner registration", ("GR1348941",), r"GR1348941[\w-]{16,}", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    Format("GitLab session", ("_gitlab_session=",), r"_gitlab_session=([A-Za-z0-9]{16,})", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    Format("AWS access key id", ("AKIA", "ASIA", "ABIA", "ACCA"), _LEFT + r"A(?:KIA|SIA|BIA|CCA)[A-Z0-9]{16}(?![A-Z0-9])", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids"),
    Format("AWS session token", ("IQoJb3JpZ2lu", "FwoGZXIvYXdz"), r"(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)[A-Za-z0-9+/=%]{40,}", "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html"),
    Format("AWS Bedrock key", ("ABSK", "bedrock-api-key-"), r"(?:ABSK|bedrock-api-key-)[A-Za-z0-9+/]{60,}=*", "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"),
    Format("signed URL", ("Signature=", "Security-Token=", "sig="), r"(?:X-(?:Amz|Goog)-(?:Signature|Security-Token)|[?&]sig)=([^\s&\"'<>]{16,})", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"),
    Format("Google API key", ("AIza",), r"AIza[\w-]{30,}", "https://cloud.google.com/docs/authentication/api-keys"),
    Format("Google OAuth token", ("ya29.", "1//0"), r"(?:ya29\.|1//0)[\w-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    Format("Google client secret", ("GOCSPX-",), r"GOCSPX-[\w-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    Format("Azure client secret", ("Q~",), r"[\w~.-]{3}\dQ~[\w~.-]{31,}", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret"),
    Format("Azure DevOps token", ("AZDO",), r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}", "https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate"),
    Format("Azure service key", ("+ASt", "ACDb", "APIM", "AzFu", "AzSe", "+AEh", "+ARm", "+ACR", "JQQJ99"), r"[A-Za-z0-9+/]{76}(?:\+ASt|ACDb)[A-Za-z0-9+/]{5,6}==|[\w+/-]{40,52}(?:AzFu|AzSe|ACDb|\+AEh|\+ARm|\+ACR|APIM)[\w+/-]{4,8}=*|[A-Za-z0-9]{52}JQQJ99[A-Za-z0-9]{20,30}", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-storage-account-key"),
    Format("Slack token", ("xox", "xapp-"), r"(?:xox[a-z]|xapp)-(?=[\w.%-]{0,60}\d)[\w.%-]{10,}", "https://docs.slack.dev/authentication/tokens"),
    Format("Slack webhook", ("hooks.slack",), r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([\w/-]{10,})", "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"),
    Format("Discord webhook", ("/api/webhooks/",), r"discord(?:app)?\.com/api/webhooks/(\d+/[\w-]{20,})", "https://discord.com/developers/docs/resources/webhook"),
    Format("OpenAI or Anthropic key", ("sk-",), _LEFT + r"sk-(?:(?:proj|svcacct|admin|ant|or|lf|None)-[\w-]{8,}|[A-Za-z0-9]{20,})", "https://platform.openai.com/docs/api-reference/authentication"),
    Format("Stripe key", ("_live_", "_test_", "sk_org_"), r"(?:[sr]k_(?:live|test)|sk_org(?:_live|_test)?)_[A-Za-z0-9]{10,}", "https://docs.stripe.com/keys"),
    Format("webhook signing secret", ("whsec_",), r"whsec_[A-Za-z0-9+/]{16,}=*", "https://docs.stripe.com/webhooks"),
    Format("SendGrid key", ("SG.",), r"SG\.[\w-]{16,}\.[\w-]{16,}", "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"),
    Format("Mailgun key", ("key-",), _LEFT + r"key-[0-9a-f]{32}" + _RIGHT, "https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/"),
    Format("npm token", ("npm_",), r"npm_[A-Za-z0-9]{30,}", "https://docs.npmjs.com/about-access-tokens"),
    Format("PyPI token", ("pypi-",), r"pypi-[\w-]{40,}", "https://pypi.org/help/#apitoken"),
    Format("RubyGems key", ("rubygems_",), r"rubygems_[0-9a-f]{32,}", "https://guides.rubygems.org/api-key-scopes/"),
    Format("Hugging Face token", ("hf_", "api_org_"), _LEFT + r"(?:hf|api_org)_[A-Za-z0-9]{30,}", "https://huggingface.co/docs/hub/security-tokens"),
    Format("Docker token", ("dckr_",), r"dckr_(?:pat|oat)_[\w-]{20,}", "https://docs.docker.com/security/access-tokens/"),
    Format("DigitalOcean token", ("_v1_",), r"do[opr]_v1_[0-9a-f]{32,}", "https://docs.digitalocean.com/reference/api/create-personal-access-token/"),
    Format("Databricks token", ("dapi",), r"dapi[0-9a-f]{32}(?:-\d+)?", "https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    Format("Linear key", ("lin_",), r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}", "https://linear.app/developers/graphql"),
    Format("Telegram bot token", (":",), r":(?<=\d{6}:)[\w-]{35}" + _RIGHT, "https://core.telegram.org/bots/api#authorizing-your-bot"),
    Format("Supabase key", ("sb_secret_", "sbp_"), r"(?:sb_secret_[\w-]{16,}|sbp_(?:v\d_)?[0-9a-f]{32,})", "https://supabase.com/docs/guides/api/api-keys"),
    Format("Shopify token", ("shp",), r"shp(?:at|ca|pa|ss|ua|tka)_[0-9a-fA-F]{32,}", "https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens"),
    Format("New Relic key", ("NRAK-", "NRAA-", "NRRA-", "NRII-", "NRIQ-", "NRJS-", "NRSP-", "NRAL"), r"NR(?:AK|AA|RA|II|IQ|JS|SP)-[\w-]{15,}|(?:(?:eu|gov)\d{2}xx)?[0-9a-f]{26,36}(?:FFFF)?NRAL", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    Format("Doppler token", ("dp.",), r"dp\.(?:pt|st|ct|sa|said|scim|audit)\.(?:[\w-]+\.)?[A-Za-z0-9]{30,}", "https://docs.doppler.com/reference/auth-token-formats"),
    Format("Vault token", ("hvs.", "hvb.", "hvr."), _LEFT + r"hv[sbr]\.[\w-]{20,}", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    Format("Vault token, old", ("s.", "b.", "r."), r"[sbr]\.(?:(?<![\w.].\.)|(?<=\\[nrt].\.)|(?<=%[0-9A-F]{2}.\.))(?=[a-zA-Z]{0,23}\d)[A-Za-z0-9]{24}(?![\w.])", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    Format("Terraform token", (".atlasv1.",), r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}", "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens"),
    Format("age key", ("AGE-",), r"AGE-(?:SECRET-KEY|PLUGIN-[A-Z0-9-]+)-(?:PQ-)?1[02-9AC-HJ-NP-Z]{20,}", "https://github.com/C2SP/C2SP/blob/main/age.md"),
    Format("JSON web token", ("eyJ",), r"(eyJ[\w-]*+(?:\.eyJ[\w-]*+(?:\.[\w-]*+){0,3}|(?:\.[\w-]*+){4}))|eyJ[\w-]*+", "https://www.rfc-editor.org/rfc/rfc7519"),
    Format("Grafana token", ("glsa_", "glc_"), r"gl(?:sa|c)_[A-Za-z0-9+/_=-]{32,}", "https://grafana.com/docs/grafana/latest/administration/service-accounts/"),
    Format("Sentry token", ("sntry",), r"sntry[su]_[A-Za-z0-9+/=_-]{40,}", "https://docs.sentry.io/account/auth-tokens/"),
    Format("Atlassian token", ("ATATT", "ATCTT", "ATBB"), r"(?:ATATT3|ATCTT3)[\w-]{40,}(?:=[0-9A-F]{8})?|" + _LEFT + r"ATBB[A-Za-z0-9]{32}", "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"),
    Format("Notion token", ("ntn_",), r"ntn_[A-Za-z0-9]{40,}", "https://developers.notion.com/docs/authorization"),
    Format("Groq key", ("gsk_",), r"gsk_[A-Za-z0-9]{40,}", "https://console.groq.com/docs/quickstart"),
    Format("xAI key", ("xai-",), r"xai-[A-Za-z0-9]{60,}", "https://docs.x.ai/docs/tutorial"),
    Format("Replicate token", ("r8_",), r"r8_[A-Za-z0-9]{30,}", "https://replicate.com/docs/topics/security/api-tokens"),
    Format("Pulumi token", ("pul-",), r"pul-[0-9a-f]{40}", "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/"),
    Format("Postman key", ("PMAK-",), r"PMAK-[0-9a-f]{20,}-[0-9a-f]{30,}", "https://learning.postman.com/docs/developer/postman-api/authentication/"),
    Format("PlanetScale secret", ("pscale_",), r"pscale_(?:tkn|pw|oauth)_[\w.=-]{30,}", "https://planetscale.com/docs/api/reference/service-tokens"),
    Format("Tailscale key", ("tskey-",), r"tskey-[a-z]+-[\w-]{15,}", "https://tailscale.com/kb/1277/key-prefixes"),
)  # fmt: skip

_KEY_BEGIN = r"-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_KEY_EDGE = r"-----(BEGIN|END) (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----"
_BREAK = r"(?:[\s\"',|>+*#]|\\+[nrt])*+"
_KEY_BODY = rf"{_BREAK}(?:[A-Za-z-]+: [^\n\\]*+{_BREAK})*+(?:[A-Za-z0-9+/=]{{16,}}+{_BREAK})+[A-Za-z0-9+/=]*"
_LOOKS_LIKE_BODY = r"\n|\\[nr]|[A-Za-z0-9+/=]{16}"


def find(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` something of a known format stands."""
    for format_ in FORMATS:
        for mark in format_.marks:
            if mark in text:
                pattern = _compiled(format_.pattern)
                for match in pattern.finditer(text):
                    if pattern.groups == 0 or match.lastindex:
                        yield match.span(match.lastindex or 0)
                break
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Return where private keys stand (RFC 7468, RFC 9580), with line breaks real or escaped, complete or cut."""
    here = 0
    while begin := _compiled(_KEY_BEGIN).search(text, here):
        edge = _compiled(_KEY_EDGE).search(text, begin.end())
        body = _compiled(_KEY_BODY).match(text, begin.end())
        here = begin.end()
        if edge and edge[1] == "END" and _compiled(_LOOKS_LIKE_BODY).search(text, begin.end(), edge.start()):
            here = edge.end()
        elif body:
            here = body.end()
        else:
            continue
        yield begin.start(), here


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, re.ASCII)
