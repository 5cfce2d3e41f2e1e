"""Secrets whose format sets them apart from ordinary text, each from its vendor's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple


class Format(NamedTuple):
    """One kind of secret: one of ``marks``, and behind it what ``rest`` matches.

    A mark of letters or digits stands at the start of a word. A group in ``rest`` is the secret; without one it is the
    mark and all of ``rest``, and up to ``lead`` characters in front of the mark.
    """

    name: str
    marks: tuple[str, ...]
    rest: str
    source: str
    lead: int


def _format(name: str, marks: str, rest: str, source: str, *, lead: int = 0) -> Format:
    return Format(name, tuple(marks.split()), rest, source, lead)


_MIXED = r"(?=[\w-]{0,60}?(?:\d|[a-z][A-Z]|[A-Z][a-z]))"
"""Rules out names of variables, where what follows the mark may have underscores or hyphens."""

# Lengths are lower bounds where that is possible: vendors lengthen their tokens, and logs cut them. What is matched
# behind a mark either has a bounded length, or cannot contain the mark again: text of marks takes linear time.
FORMATS = (
    _format("Mogplex token", "mog_", r"[A-Za-z0-9]{16,}", "https://mogplex.com"),
    _format("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_", r"(?:\d{1,20}_)?[A-Za-z0-9]{20,}\w*(?:\.[\w-]{10,}){0,2}", "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github"),
    _format("GitHub fine-grained token", "github_pat_", r"\w{20,}", "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github"),
    _format("GitLab token", "gl", r"(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[\w=-]{16,}(?:\.[\w-]{2,})*", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    _format("GitLab runner registration", "GR1348941", r"[\w-]{16,}", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    _format("GitLab session", "_gitlab_session=", r"([A-Za-z0-9]{16,})", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    _format("GitLab incoming mail", "incoming+", r"([\w.-]{20,})", "https://docs.gitlab.com/administration/incoming_email/"),
    _format("AWS access key id", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Z0-9])", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    _format("AWS access key id, old", "A3T", r"[A-Z0-9][A-Z2-7]{16}(?![A-Z0-9])", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    _format("AWS session token", "IQoJb3JpZ2lu FwoGZXIvYXdz", r"[A-Za-z0-9+/=%]{40,}", "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html"),
    _format("AWS Bedrock key", "ABSK bedrock-api-key-", r"[A-Za-z0-9+/]{28,}=*", "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"),
    _format("signed URL", "-Signature= -Security-Token= sig=", r"(?:(?<=X-Amz-Signature=)|(?<=X-Goog-Signature=)|(?<=X-Amz-Security-Token=)|(?<=[?&]sig=))([^\s&\"'<>]{16,})", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"),
    _format("Google API key", "AIza", r"[\w-]{30,}", "https://cloud.google.com/docs/authentication/api-keys"),
    _format("Google Gemini key", "AQ.Ab8RN6", r"[\w-]{40,}", "https://ai.google.dev/gemini-api/docs/api-key"),
    _format("Google OAuth token", "ya29. 1//0", r"[\w-]{10,}", "https://developers.google.com/identity/protocols/oauth2"),
    _format("Google client secret", "GOCSPX-", r"[\w-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    _format("Azure client secret", "Q~", r"(?<=[\w~.-]{3}\dQ~)[\w~.-]{31,}", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret", lead=4),
    _format("Azure DevOps token", "AZDO", r"(?<=[A-Za-z0-9]{76}AZDO)[A-Za-z0-9]{4}", "https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate", lead=76),
    _format("Azure storage key", "+ASt ACDb", r"(?<=[A-Za-z0-9+/]{76}....)[A-Za-z0-9+/]{5,6}==", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-storage-account-key", lead=76),
    _format("Azure service key", "AzFu AzSe ACDb +AEh +ARm +ACR APIM", r"(?<=[\w+/-]{40}....)[\w+/-]{4,8}=*", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-function-master-key", lead=52),
    _format("Azure AI key", "JQQJ99", r"(?<=[A-Za-z0-9]{52}JQQJ99)[A-Za-z0-9]{20,30}", "https://learn.microsoft.com/en-us/azure/ai-services/authentication", lead=52),
    _format("Azure refresh token", "1.A 0.A", r"[\w-]{50,}(?:\.\d)?\.Ag[\w.-]{200,}", "https://learn.microsoft.com/en-us/entra/identity-platform/refresh-tokens"),
    _format("Slack token", "xox xapp-", r"(?:(?<=xapp-)|[a-z]-)(?=[\w.%/+\\-]{0,60}?(?:\d|[a-z][A-Z]|[A-Z][a-z]))[\w.%/+\\-]{8,}", "https://docs.slack.dev/authentication/tokens"),
    _format("Slack webhook", "hooks.slack", r"(?:-gov)?\.com/(?:services|workflows|triggers)/([\w/+-]{10,})", "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"),
    _format("Discord webhook", "/api/webhooks/", r"(?<=discord\.com/api/webhooks/)(\d+/[\w-]{20,})|(?<=discordapp\.com/api/webhooks/)(\d+/[\w-]{20,})", "https://discord.com/developers/docs/resources/webhook"),
    _format("Teams webhook", "webhook.office.com/webhookb2/", r"([\w@-]{36,200}/IncomingWebhook/[\w/-]{20,})", "https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook"),
    _format("Zapier webhook", "hooks.zapier.com/hooks/catch/", r"([\w/]{10,})", "https://help.zapier.com/hc/en-us/articles/8496288690317"),
    _format("Tines webhook", ".tines.com/webhook/", r"([a-z0-9]{32}/[a-z0-9]{32})", "https://www.tines.com/docs/actions/types/webhook/"),
    _format("OpenAI or Anthropic key", "sk-", r"(?:(?:proj|svcacct|service|admin|ant|or|lf|api|None)-[\w-]{8,}|[A-Za-z0-9]{20,}[\w-]*)", "https://platform.openai.com/docs/api-reference/authentication"),
    _format("Langfuse key", "pk-lf-", r"[0-9a-f-]{36}", "https://langfuse.com/docs/api"),
    _format("Stripe key", "sk_test_ sk_live_ sk_prod_ rk_test_ rk_live_ rk_prod_", r"[A-Za-z0-9-]{10,}", "https://docs.stripe.com/keys"),
    _format("Stripe organization key", "sk_org_", r"(?:live_|test_)?[A-Za-z0-9]{10,}", "https://docs.stripe.com/keys"),
    _format("Stripe publishable key", "pk_live_", r"[A-Za-z0-9]{20,}", "https://docs.stripe.com/keys"),
    _format("Stripe client secret", "pi_ seti_ cs_live_ cs_test_", r"[A-Za-z0-9]{24}_secret_[A-Za-z0-9]{20,}", "https://docs.stripe.com/api/payment_intents/object"),
    _format("Paystack or ElevenLabs key", "sk_", r"(?:[a-z]{1,40}_)?(?=[A-Za-z]{0,60}\d)[A-Za-z0-9]{29,}", "https://paystack.com/docs/api/authentication/"),
    _format("Cartesia key", "sk_car_", r"\w{20,}", "https://docs.cartesia.ai/get-started/overview"),
    _format("webhook signing secret", "whsec_", r"[A-Za-z0-9+/]{16,}=*", "https://docs.stripe.com/webhooks"),
    _format("SendGrid key", "SG.", r"(?:[\w=.-]{60,}|[\w-]{16,}\.[\w-]{16,})", "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"),
    _format("Twilio key", "SK", r"(?=[A-Za-z]{0,31}\d)[A-Za-z0-9]{32}(?![A-Za-z0-9_-])", "https://www.twilio.com/docs/iam/api-keys"),
    _format("Mailgun key", "key-", r"[0-9a-f]{32}(?![A-Za-z0-9_-])", "https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/"),
    _format("Mailchimp key", "-us", r"(?<=[0-9a-f]{32}-us)\d{1,2}(?![A-Za-z0-9_-])", "https://mailchimp.com/developer/marketing/guides/quick-start/", lead=32),
    _format("MailerSend token", "mlsn.", r"[A-Za-z0-9]{30,}", "https://developers.mailersend.com/general.html#authentication"),
    _format("Brevo key", "xkeysib- xsmtpsib-", r"[\w-]{60,}", "https://developers.brevo.com/docs/getting-started"),
    _format("Resend key", "re_", r"[1-9A-HJ-NP-Za-km-z]{8}_[1-9A-HJ-NP-Za-km-z]{24}", "https://resend.com/docs/dashboard/api-keys/introduction"),
    _format("npm token", "npm_", r"[A-Za-z0-9]{30,}", "https://docs.npmjs.com/about-access-tokens"),
    _format("PyPI token", "pypi-", r"[\w-]{40,}", "https://pypi.org/help/#apitoken"),
    _format("RubyGems key", "rubygems_", r"[0-9A-Za-z]{32,}", "https://guides.rubygems.org/api-key-scopes/"),
    _format("Clojars token", "CLOJARS_", r"[0-9A-Za-z]{60}", "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens"),
    _format("NuGet key", "oy2", r"[a-z0-9]{43}(?![a-z0-9])", "https://learn.microsoft.com/en-us/nuget/nuget-org/publish-a-package"),
    _format("Hugging Face token", "hf_ api_org_", r"[A-Za-z0-9]{30,}", "https://huggingface.co/docs/hub/security-tokens"),
    _format("Docker token", "dckr_pat_ dckr_oat_", r"[\w-]{20,}", "https://docs.docker.com/security/access-tokens/"),
    _format("Docker Swarm key", "SWMTKN-1- SWMKEY-1-", r"[A-Za-z0-9+/]{40,}(?:-[a-z0-9]{20,})?", "https://docs.docker.com/engine/swarm/join-nodes/"),
    _format("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{32,}", "https://docs.digitalocean.com/reference/api/create-personal-access-token/"),
    _format("Databricks token", "dapi", r"[0-9a-f]{32}(?:-\d+)?", "https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    _format("Linear key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{30,}", "https://linear.app/developers/graphql"),
    _format("Telegram bot token", ":", r"(?<=\d{6}:)[\w-]{35}(?![\w-])", "https://core.telegram.org/bots/api#authorizing-your-bot"),
    _format("Supabase key", "sb_secret_ sbp_", r"(?:(?<=sb_secret_)[\w-]{16,}|(?:v\d_)?[\w-]{32,})", "https://supabase.com/docs/guides/api/api-keys"),
    _format("Shopify token", "shp", r"(?:at|ca|pa|ss|ua|tka)_[0-9a-fA-F]{32,}", "https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens"),
    _format("New Relic key", "NRAK- NRAA- NRRA- NRII- NRIQ- NRJS- NRSP- NRBR-", r"[\w-]{15,}", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    _format("New Relic license key", "NRAL -NRMA", r"(?<=[0-9a-f]{26}NRAL)|(?<=[0-9a-f]{22}FFFFNRAL)|(?<=[0-9a-f]{36}-NRMA)", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/", lead=48),
    _format("Doppler token", "dp.", r"(?:pt|st|ct|sa|said|scim|audit)\.(?:[\w-]{1,60}\.)?[A-Za-z0-9]{30,}", "https://docs.doppler.com/reference/auth-token-formats"),
    _format("Vault token", "hvs. hvb. hvr.", r"[\w-]{20,}", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    _format("Vault token, old", "s. b. r.", r"(?<![_.]..)(?=[a-zA-Z]{0,23}\d)[A-Za-z0-9]{24}(?![\w.])", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    _format("Terraform token", ".atlasv1.", r"(?<=[A-Za-z0-9]{14}\.atlasv1\.)[\w=-]{40,}", "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens", lead=14),
    _format("age key", "AGE-SECRET-KEY-", r"(?:PQ-)?1[02-9AC-HJ-NP-Z]{20,}", "https://github.com/C2SP/C2SP/blob/main/age.md"),
    _format("age plugin key", "AGE-PLUGIN-", r"[A-Z0-9]{1,40}(?:-[A-Z0-9]{1,40}){0,4}-1[02-9AC-HJ-NP-Z]{20,}", "https://github.com/C2SP/C2SP/blob/main/age.md"),
    _format("JSON web token", "eyJ", r"(?:(?<![\w-]...)|(?<=\\[nrt]...)|(?<=%[0-9A-Fa-f]{2}...)|(?<=[\d;]m...))[\w-]*+(?:\.eyJ[\w-]*+(?:\.[\w-]*+){0,3}|(?:\.[\w-]*+){4}|\.[\w-]{20,}\.[\w-]{20,})", "https://www.rfc-editor.org/rfc/rfc7519"),
    _format("JSON web token, header alone", "eyJhbGci eyJ0eXAi eyJraWQi", r"[\w.-]{60,}", "https://www.rfc-editor.org/rfc/rfc7519"),
    _format("JSON web token, indented", "ewo", r"(?:(?<![\w-]...)|(?<=\\[nrt]...)|(?<=%[0-9A-Fa-f]{2}...))[\w-]{9,}+={0,2}\.e[yw][\w-]{12,}={0,2}\.[\w-]*={0,2}", "https://www.rfc-editor.org/rfc/rfc7519"),
    _format("JSON web token, cut", "ey", r"[A-Za-z0-9]{17,}\.ey[\w/\\-]{17,}\.[\w/\\-]*={0,2}", "https://www.rfc-editor.org/rfc/rfc7519"),
    _format("JSON web token in base64", "ZXlK", r"[\w+/\\-]{8,}=*(?:\n[\w+/\\-]{8,}=*)*", "https://www.rfc-editor.org/rfc/rfc7519"),
    _format("Grafana token", "glsa_ glc_ eyJrIjoi", r"[A-Za-z0-9+/_=-]{32,}", "https://grafana.com/docs/grafana/latest/administration/service-accounts/"),
    _format("Miro token", "eyJtaXJv", r"[\w-]{30,}", "https://developers.miro.com/docs/getting-started-with-oauth"),
    _format("Sentry token", "sntrys_ sntryu_", r"[A-Za-z0-9+/=_-]{40,}", "https://docs.sentry.io/account/auth-tokens/"),
    _format("Atlassian token", "ATAT ATCTT", r"[\w+/=-]{24,}", "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"),
    _format("Bitbucket app password", "ATBB", r"[A-Za-z0-9]{32}", "https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/"),
    _format("Bitbucket Data Center token", "BBDC-", r"[A-Za-z0-9+/@_=-]{32,}", "https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html"),
    _format("Notion token", "ntn_", r"[A-Za-z0-9]{40,}", "https://developers.notion.com/docs/authorization"),
    _format("Notion token, old", "secret_", r"[A-Za-z0-9]{43}", "https://developers.notion.com/docs/authorization"),
    _format("Groq key", "gsk_", r"[A-Za-z0-9]{40,}", "https://console.groq.com/docs/quickstart"),
    _format("xAI key", "xai-", r"[\w-]{60,}", "https://docs.x.ai/docs/tutorial"),
    _format("Perplexity key", "pplx-", r"[A-Za-z0-9]{40,}", "https://docs.perplexity.ai/getting-started/quickstart"),
    _format("Cerebras key", "csk-", r"[A-Za-z0-9]{40,}", "https://inference-docs.cerebras.ai/quickstart"),
    _format("NVIDIA key", "nvapi-", r"[\w-]{50,}", "https://docs.nvidia.com/ngc/gpu-cloud/ngc-user-guide/index.html"),
    _format("Together key", "tgp_v1_", r"[\w-]{40,}", "https://docs.together.ai/docs/quickstart"),
    _format("LlamaCloud key", "llx-", r"[A-Za-z0-9]{40,}", "https://docs.cloud.llamaindex.ai/api_key"),
    _format("LangSmith key", "lsv2_pt_ lsv2_sk_", r"[0-9a-fA-F]{32}_[0-9a-fA-F]{10}", "https://docs.smith.langchain.com/administration/how_to_guides/organization_management/create_account_api_key"),
    _format("Pinecone key", "pcsk_", r"[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,}", "https://docs.pinecone.io/guides/projects/manage-api-keys"),
    _format("Weights & Biases key", "wandb_v1_", r"\w{70,}", "https://docs.wandb.ai/support/find_api_key/"),
    _format("RunPod or redirect.pizza key", "rpa_", r"[A-Za-z0-9]{30,}", "https://docs.runpod.io/get-started/api-keys"),
    _format("Devin key", "apk_ apk_user_ cog_", r"(?:(?<=cog_)[a-z2-7]{52}|(?<=apk_)[A-Za-z0-9+/]{80,}=*|(?<=apk_user_)[A-Za-z0-9+/]{80,}=*)", "https://docs.devin.ai/api-reference/overview"),
    _format("Replicate token", "r8_", r"[\w-]{30,}", "https://replicate.com/docs/topics/security/api-tokens"),
    _format("Pulumi token", "pul-", r"[0-9a-z]{40}", "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/"),
    _format("Postman key", "PMAK-", r"[0-9A-Za-z-]{50,}", "https://learning.postman.com/docs/developer/postman-api/authentication/"),
    _format("PlanetScale secret", "pscale_", r"(?:tkn|pw|oauth)_[\w.=-]{30,}", "https://planetscale.com/docs/api/reference/service-tokens"),
    _format("Tailscale key", "tskey-", r"[a-z]{1,40}-[\w-]{15,}", "https://tailscale.com/kb/1277/key-prefixes"),
    _format("1Password secret key", "A3-", r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}", "https://support.1password.com/secret-key-security/"),
    _format("1Password service account", "ops_eyJ", r"[A-Za-z0-9+/]{100,}=*", "https://developer.1password.com/docs/service-accounts/"),
    _format("Adafruit IO key", "aio_", r"[A-Za-z0-9]{28}", "https://io.adafruit.com/api/docs/"),
    _format("Adobe client secret", "p8e-", r"[A-Za-z0-9]{32}", "https://developer.adobe.com/developer-console/docs/guides/authentication/"),
    _format("Aikido key", "AIK_CI_ AIK_CLIENT_ AIK_SECRET_", r"[A-Za-z0-9]{20,}", "https://help.aikido.dev/"),
    _format("Airtable token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}", "https://airtable.com/developers/web/guides/personal-access-tokens"),
    _format("Airtable OAuth token", ".v1.", r"(?<=[A-Za-z0-9]{12}\.v1\.)[\w-]{12,}\.[0-9a-f]{16,}", "https://airtable.com/developers/web/api/oauth-reference", lead=60),
    _format("Alibaba access key id", "LTAI STS.", r"(?=[A-Za-z0-9]{0,30}(?:\d|[a-z][A-Z]|[A-Z][a-z]))[A-Za-z0-9]{12,64}", "https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair"),
    _format("Apify token", "apify_api_", r"[A-Za-z0-9-]{30,}", "https://docs.apify.com/platform/integrations/api"),
    _format("Artifactory key", "AKCp cmVmd", r"[A-Za-z0-9]{55,}", "https://jfrog.com/help/r/jfrog-platform-administration-documentation/introduction-to-access-tokens"),
    _format("Asaas key", "$aact_", r"[\w-]{20,}", "https://docs.asaas.com/docs/authentication-2"),
    _format("Authress access key", "sc_ ext_ scauth_ authress_", r"[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,}", "https://authress.io/knowledge-base/docs/authorization/service-clients/"),
    _format("Bannerbear key", "bb_pr_ bb_ma_", r"[0-9a-f]{30}", "https://developers.bannerbear.com/"),
    _format("Brave Search key", "BSA", _MIXED + r"[\w-]{24,}", "https://api-dashboard.search.brave.com/app/documentation"),
    _format("Buildkite token", "bkua_ bkaa_ bkaj_ bkar_ bkct_ bkpt_ bkpat_ bkps_", r"[\w-]{40,}", "https://buildkite.com/docs/apis/managing-api-tokens"),
    _format("GC Notify key", "gcntfy-", r"[\w-]{60,}", "https://documentation.notification.canada.ca/en/start.html"),
    _format("Canva secret", "cnvca", r"[\w-]{51,}", "https://www.canva.dev/docs/connect/authentication/"),
    _format("CircleCI token", "CCIPAT_ CCIPRJ_", r"[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "https://circleci.com/docs/managing-api-tokens/"),
    _format("ClickHouse Cloud key", "4b1d", r"[A-Za-z0-9]{38}(?![A-Za-z0-9])", "https://clickhouse.com/docs/cloud/manage/openapi"),
    _format("Close key", "api_", r"(?=[A-Za-z0-9]{2,30}\.)[A-Za-z0-9.]{40,}|(?<=api_)(?=[A-Za-z]{0,40}\d)[A-Za-z0-9.]{45}", "https://developer.close.com/topics/authentication/"),
    _format("Cloudflare token", "cfat_ cfut_ cfk_", r"[A-Za-z0-9]{40,}", "https://developers.cloudflare.com/fundamentals/api/get-started/create-token/"),
    _format("Cloudflare Origin CA key", "v1.0-", r"[A-Za-z0-9-]{160,}", "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys/"),
    _format("Cloudsmith key", "csa_", r"[0-9a-f]{30}[A-Za-z0-9]{6}", "https://help.cloudsmith.io/docs/api-key"),
    _format("CockroachDB key", "CCDB1_", r"[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "https://www.cockroachlabs.com/docs/cockroachcloud/managing-access"),
    _format("ConfigCat key", "configcat-sdk-1/", r"[\w-]{22}/[\w-]{22}", "https://configcat.com/docs/sdk-reference/overview/"),
    _format("Contentful token", "CFPAT-", r"[\w-]{40,}", "https://www.contentful.com/developers/docs/references/authentication/"),
    _format("DataStax Astra token", "AstraCS:", r"[A-Za-z0-9:]{20,}", "https://docs.datastax.com/en/astra-db-serverless/administration/manage-application-tokens.html"),
    _format("Deno token", "ddp_ ddo_ ddw_", r"[A-Za-z0-9]{36}", "https://docs.deno.com/deploy/"),
    _format("DevCycle key", "dvc_client_ dvc_mobile_ dvc_server_", _MIXED + r"[A-Za-z0-9]{8,}\w*", "https://docs.devcycle.com/essentials/keys"),
    _format("dfuse key", "web_ server_", r"(?=[a-z]{0,31}\d)[0-9a-z]{32}(?![A-Za-z0-9_])", "https://docs.dfuse.io/platform/dfuse-cloud/authentication/"),
    _format("Duffel token", "duffel_test_ duffel_live_", r"[\w=-]{40,}", "https://duffel.com/docs/api/overview/making-requests"),
    _format("Dynatrace token", "dt0", r"[a-z]\d\d\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}", "https://docs.dynatrace.com/docs/dynatrace-api/basics/dynatrace-api-authentication"),
    _format("EasyPost key", "EZAK EZTK", r"[A-Za-z0-9]{54}", "https://docs.easypost.com/docs/authentication"),
    _format("Elastic Cloud key", "essu_", r"[\w-]{40,}=*", "https://www.elastic.co/docs/deploy-manage/api-keys/elastic-cloud-api-keys"),
    _format("Endor Labs key", "endr+", r"[A-Za-z0-9-]{16}", "https://docs.endorlabs.com/administration/api-keys/"),
    _format("Exoscale key", "EXO", r"(?=[A-Za-z0-9]{0,26}(?:\d|[a-z][A-Z]))[A-Za-z0-9]{24,}", "https://community.exoscale.com/platform/iam/"),
    _format("Facebook app token", "| %", r"(?<=\d{15}.)[\w-]{27,40}(?![\w-])", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens", lead=16),
    _format("Facebook or Square token", "EAA", r"(?=[\w-]{0,30}\d)[\w-]{22,}", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens"),
    _format("Square token", "sq0", r"[a-z]{3}-[\w-]{22,}", "https://developer.squareup.com/docs/build-basics/access-tokens"),
    _format("Figma token", "figd_ figp_ figo_ figu_", r"[\w=-]{30,}", "https://www.figma.com/developers/api#authentication"),
    _format("Finage key", "API_KEY", r"[0-9A-Z]{32}(?![A-Za-z0-9_])", "https://finage.co.uk/docs/api/getting-started"),
    _format("Fleetbase key", "flb_live_ flb_test_", r"[0-9A-Za-z]{20,}", "https://docs.fleetbase.io/developers/api"),
    _format("Flexport token", "shltm_", r"[\w-]{40,}", "https://docs.logistics-api.flexport.com/"),
    _format("Flutterwave key", "FLWSECK FLWPUBK", r"(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?", "https://developer.flutterwave.com/docs/authentication"),
    _format("Fly.io token", "FlyV1 fo1_ fm1a_ fm1r_ fm2_", r"[ +]?(?:fm\d+_)?[\w=,/+-]{43,}", "https://fly.io/docs/security/tokens/"),
    _format("Frame.io token", "fio-u-", r"[\w=-]{60,}", "https://developer.frame.io/docs/getting-started/authentication"),
    _format("FullStory key", "na1. eu1.", r"[A-Za-z0-9+/]{90,}=*", "https://developer.fullstory.com/server/authentication/"),
    _format("Gemini exchange key", "master- account-", r"(?=[A-Za-z]{0,19}(?:\d|[a-z][A-Z]|[A-Z][a-z]))[0-9A-Za-z]{20}(?![\w-])", "https://docs.gemini.com/authentication/api-key"),
    _format("GoCardless token", "live_", r"(?=[\w-]{0,39}\d)[\w-]{40}(?![\w-])", "https://developer.gocardless.com/getting-started/api/making-your-first-request/"),
    _format("Harness token", "pat. sat.", r"[\w-]{22}\.[0-9a-zA-Z]{24}\.[A-Za-z0-9]{20}", "https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys/"),
    _format("Heroku key", "HRKU-AA", r"[\w-]{50,}", "https://devcenter.heroku.com/articles/authentication"),
    _format("HubSpot token", "pat-eu1- pat-na1-", r"[A-Za-z0-9]{8}(?:-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}", "https://developers.hubspot.com/docs/guides/apps/private-apps/overview"),
    _format("Infracost key", "ico-", r"[A-Za-z0-9]{32}", "https://www.infracost.io/docs/infracost_cloud/get_started/"),
    _format("42 secret", "s-s4t2 u-s4t2", r"(?:ud|af)-[0-9a-fA-F]{64}", "https://api.intra.42.fr/apidoc/guides/getting_started"),
    _format("Ionic token", "ion_", r"[A-Za-z0-9]{42}", "https://ionic.io/docs/appflow/personal-access-tokens"),
    _format("Klaviyo key", "pk_", r"(?:[A-Za-z0-9]{6}_)?[0-9a-f]{34}", "https://developers.klaviyo.com/en/docs/authenticate_"),
    _format("LaunchDarkly key", "api- sdk-", r"[a-z0-9]{8}-[a-z0-9]{4}-4[a-z0-9]{3}-[a-z0-9]{4}-[a-z0-9]{12}", "https://launchdarkly.com/docs/home/account/api"),
    _format("Lichess token", "lip_", _MIXED + r"\w{16,}", "https://lichess.org/api#section/Introduction/Authentication"),
    _format("Lob key", "live_ test_", r"[0-9a-f]{35}", "https://docs.lob.com/#tag/Authentication"),
    _format("LocationIQ token", "pk.", r"(?=[A-Za-z-]{0,31}\d)[A-Za-z0-9-]{32}(?![A-Za-z0-9_-])", "https://docs.locationiq.com/docs/introduction"),
    _format("Mapbox token", "sk.", r"[A-Za-z0-9.-]{80,}", "https://docs.mapbox.com/help/dive-deeper/access-tokens/"),
    _format("MaxMind key", "_mmk", r"(?<=[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)(?!\w)", "https://dev.maxmind.com/license-key/", lead=36),
    _format("Mercury token", "mercury_production_ mercury_sandbox_", r"\w{40,}", "https://docs.mercury.com/docs/getting-started"),
    _format("Mergify key", "mergify_application_key_", r"[\w-]{40,}", "https://docs.mergify.com/api/usage/"),
    _format("MongoDB Atlas secret", "mdb_sa_id_ mdb_sa_sk_", r"[\w-]{20,}", "https://www.mongodb.com/docs/atlas/configure-api-access/"),
    _format("Neon key", "napi_", r"[A-Za-z0-9]{60,}", "https://neon.com/docs/manage/api-keys"),
    _format("Nightfall key", "NF-", r"(?=[A-Za-z]{0,31}\d)[A-Za-z0-9]{32}", "https://docs.nightfall.ai/docs/authentication-and-security"),
    _format("Nylas key", "nyk_", r"[A-Za-z0-9]{60,}", "https://developer.nylas.com/docs/v3/auth/"),
    _format("Octopus Deploy key", "API-", r"[A-Z0-9]{26}(?![A-Za-z0-9_-])", "https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key"),
    _format("OneSignal key", "os_v2_app_ os_v2_org_", r"[a-z2-7]{100,}", "https://documentation.onesignal.com/docs/en/keys-and-ids"),
    _format("Onfido token", "api_live api_sandbox", r"(?:_ca|_us)?\.[\w-]{20,}", "https://documentation.onfido.com/api/latest/#api-tokens"),
    _format("OpenShift token", "sha256~", r"[\w-]{43}", "https://docs.openshift.com/container-platform/latest/authentication/understanding-authentication.html"),
    _format("Paddle key", "pdl_live_apikey_ pdl_sdbx_apikey_", r"[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}", "https://developer.paddle.com/api-reference/about/authentication"),
    _format("Pagar.me key", "ak_live_ ak_test_", r"[A-Za-z0-9]{30}", "https://docs.pagar.me/docs/chaves-de-acesso"),
    _format("Persona key", "persona_production_ persona_sandbox_", _MIXED + r"[\w-]{20,}", "https://docs.withpersona.com/api-keys"),
    _format("Pinterest token", "pina_ pinr_", _MIXED + r"[\w-]{20,}", "https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/"),
    _format("Polar token", "polar_at_ polar_oat_ polar_pat_ polar_rt_ polar_cs_", _MIXED + r"[\w-]{20,}", "https://docs.polar.sh/api-reference/introduction"),
    _format("PostHog key", "phx_ phc_ phs_", _MIXED + r"[\w-]{40,}", "https://posthog.com/docs/api"),
    _format("Prefect key", "pnu_ pnb_", r"[A-Za-z0-9]{36}", "https://docs.prefect.io/v3/how-to-guides/cloud/manage-users/api-keys"),
    _format("Proof key", "prf_", _MIXED + r"[\w-]{20,}", "https://dev.proof.com/docs/authentication"),
    _format("PubNub key", "pub-c- sub-c- sec-c-", r"[0-9A-Za-z]{8}-[0-9a-z]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}|(?<=sec-c-)[A-Za-z0-9=]{40,}", "https://www.pubnub.com/docs/general/setup/account-setup"),
    _format("Ramp secret", "ramp_id_ ramp_sec_ ramp_tok_", r"[A-Za-z0-9]{40,}", "https://docs.ramp.com/developer-api/v1/authorization"),
    _format("Razorpay key", "rzp_live_ rzp_test_", r"[A-Za-z0-9]{14,}", "https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/"),
    _format("ReadMe key", "rdme_", r"[a-z0-9]{70}", "https://docs.readme.com/main/reference/authentication"),
    _format("Render key", "rnd_", r"[A-Za-z0-9]{28,}", "https://render.com/docs/api"),
    _format("Robinhood key", "rh-api-", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "https://docs.robinhood.com/crypto/trading/"),
    _format("Rootly key", "rootly_", r"[0-9a-f]{64}", "https://docs.rootly.com/api-reference/overview"),
    _format("Salad Cloud key", "salad_cloud_", r"[0-9A-Za-z]{1,7}_(?=[A-Za-z]{0,60}(?:\d|[a-z][A-Z]|[A-Z][a-z]))[0-9A-Za-z]{7,}", "https://docs.salad.com/reference/api-usage"),
    _format("Salesforce token", "!", r"(?<=00[A-Za-z0-9]{13}!)[\w.-]{80,}", "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_tokens_scopes.htm", lead=15),
    _format("Salesforce key", "5AEP861 3MVG9", r"[\w.+/=]{80,}", "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_tokens_scopes.htm"),
    _format("Samsara token", "samsara_api_", r"[A-Za-z0-9]{26,}", "https://developers.samsara.com/docs/authentication"),
    _format("Scalingo token", "tk-us-", r"[\w-]{48}", "https://developers.scalingo.com/"),
    _format("Segment or Sourcegraph token", "sgp_ slk_", r"(?:(?:[0-9a-fA-F]{16}|local)_)?[A-Za-z0-9]{40,}", "https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token"),
    _format("SettleMint token", "sm_aat_ sm_pat_ sm_sat_", r"[A-Za-z0-9]{16,}", "https://console.settlemint.com/documentation/"),
    _format("Shippo token", "shippo_live_ shippo_test_", r"[0-9a-fA-F]{40}", "https://docs.goshippo.com/docs/guides_general/authentication/"),
    _format("SonarQube token", "sqp_ squ_ sqa_ sqco_", r"[0-9A-Za-z]{40,}", "https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens/"),
    _format("Tableau token", "==:", r"(?<=[A-Za-z0-9+/]{22}==:)[A-Za-z0-9]{32}(?![A-Za-z0-9])", "https://help.tableau.com/current/server/en-us/security_personal_access_tokens.htm", lead=22),
    _format("Thunderstore token", "tss_", _MIXED + r"[\w-]{20,}", "https://thunderstore.io/api/docs/"),
    _format("TruffleHog key", "thog-key- thog-secret-", r"[0-9a-f]{16,}", "https://docs.trufflesecurity.com/"),
    _format("Typeform token", "tfp_", _MIXED + r"\w{40,}", "https://www.typeform.com/developers/get-started/personal-access-token/"),
    _format("Ubidots key", "BBFF-", r"[0-9a-zA-Z]{30}", "https://docs.ubidots.com/v1.6/reference/authentication"),
    _format("Unkey key", "unkey_", r"[A-Za-z0-9]{20,}", "https://www.unkey.com/docs/security/root-keys"),
    _format("UpCloud token", "ucat_", r"[A-Za-z0-9]{24,}", "https://developers.upcloud.com/1.3/3-accounts/"),
    _format("Val Town token", "vtwn_", _MIXED + r"[\w-]{20,}", "https://docs.val.town/reference/api/authentication/"),
    _format("Vercel token", "vck_ vca_ vcr_ vci_ vcp_", r"[\w-]{50,}", "https://vercel.com/docs/rest-api#authentication"),
    _format("Voiceflow key", "VF.", r"(?:DM\.|WS\.)?[0-9a-fA-F]{24}\.[A-Za-z0-9]{16}", "https://docs.voiceflow.com/reference/authentication"),
    _format("WakaTime key", "waka_", r"[A-Za-z0-9-]{32,}", "https://wakatime.com/developers#authentication"),
    _format("Workato token", "wrka", r"(?:[a-z]{2})?-eyJ[\w.-]{60,}", "https://docs.workato.com/workato-api/api-clients.html"),
    _format("Xendit key", "xnd_production_ xnd_development_", r"[A-Za-z0-9]{40,}", "https://docs.xendit.co/docs/api-keys"),
    _format("Zoho token", "1000.", r"[0-9a-f]{32}\.[0-9a-f]{32}", "https://www.zoho.com/accounts/protocol/oauth/self-client/authorization-code-flow.html"),
    _format("Zuplo key", "zpka_", r"[a-z0-9]{32}_[0-9a-f]{8}", "https://zuplo.com/docs/articles/api-key-management"),
)  # fmt: skip

_ESCAPE = r"(?:\\[nrtbf]|%[0-9A-Fa-f]{2}|\\u[0-9A-Fa-f]{4}|\[[\d;]{0,8}m)\Z"
"""What ends in a letter or a digit and yet ends a word: an escape of JSON or of a URL, a colour."""
_KEY_BEGIN = r"-----\s{0,4}BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?\s{0,4}-----"
_KEY_EDGE = rf"{_KEY_BEGIN}|KEY(?: BLOCK)?\s{{0,4}}-----"
_BREAK = r"(?:[\s\"',|>+*#]|\\+[nrt])*+"
_KEY_BODY = rf"{_BREAK}(?:[A-Za-z-]+: [^\n\\]*+{_BREAK})*+(?:[A-Za-z0-9+/=]{{16,}}+{_BREAK})+[A-Za-z0-9+/=]*"
_LOOKS_LIKE_BODY = r"\n|\\[nr]|[A-Za-z0-9+/=]{16}"


def find(text: str) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` something of a known format stands."""
    for format_ in FORMATS:
        for mark in format_.marks:
            at = text.find(mark)
            while at >= 0:
                end = at + len(mark)
                if format_.lead or not mark[0].isalnum() or _begins_word(text, at):
                    match = _compiled(format_.rest).match(text, end)
                    if match:
                        end = max(end, match.end())
                        yield match.span(match.lastindex) if match.lastindex else (_start(text, at, format_.lead), end)
                at = text.find(mark, end)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def _begins_word(text: str, at: int) -> bool:
    before = text[at - 1 : at]
    is_inside = before.isascii() and before.isalnum()
    return not is_inside or bool(_compiled(_ESCAPE).search(text, max(at - 10, 0), at))


def _start(text: str, at: int, lead: int) -> int:
    start = at
    while start > max(at - lead, 0) and (text[start - 1].isalnum() or text[start - 1] in "_-+/=~."):
        start -= 1
    return start


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Return where private keys stand (RFC 7468, RFC 9580), with line breaks real or escaped, complete or cut."""
    here = 0
    while begin := _compiled(_KEY_BEGIN).search(text, here):
        edge = _compiled(_KEY_EDGE).search(text, begin.end())
        body = _compiled(_KEY_BODY).match(text, begin.end())
        here = begin.end()
        if edge and edge[0].startswith("KEY") and _compiled(_LOOKS_LIKE_BODY).search(text, begin.end(), edge.start()):
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
