"""Secrets whose format sets them apart from ordinary text, each from its vendor's documentation, and private keys."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final, NamedTuple


class Format(NamedTuple):
    """One kind of secret: one of ``marks``, words with spaces between, and behind it what ``rest`` matches.

    A mark of letters or digits stands at the start of a word. A group in ``rest`` is the secret; without one it is the
    mark and all of ``rest``, and up to ``lead`` characters in front of the mark.
    """

    name: str
    marks: str
    rest: str
    source: str
    lead: int = 0


_MIXED = r"(?=[\w-]{0,60}?(?:\d|[a-z][A-Z]|[A-Z][a-z]))"
"""Rules out names of variables, where what follows the mark may have underscores or hyphens."""

# Lengths are lower bounds where that is possible: vendors lengthen their tokens, and logs cut them. What is matched
# behind a mark either has a bounded length, or cannot contain the mark again: text of marks takes linear time.
FORMATS: Final = (
    Format("rest of a secret of which the service saw the beginning", "[redacted]", r"(?=[\w+/=~-]{4}|\.[\w-]{10})([\w+/=~-]*(?:\.[\w-]{10,})*)", "https://mogplex.com"),
    Format("Mogplex token", "mog_", r"[A-Za-z0-9]{16,}", "https://mogplex.com"),
    Format("GitHub token", "ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", r"(?:\d{1,20}_)?[A-Za-z0-9]{20,}\w*(?:\.[\w-]{10,}){0,2}", "https://docs.github.com/en/authentication/keeping-your-account-and-data-secure/about-authentication-to-github"),
    Format("GitLab token", "gl", r"(?:pat|oas|dt|rt|rtr|cbt|ptt|ft|imt|agent|wt|soat|ffct)-[\w=-]{16,}(?:\.[\w-]{2,})*", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    Format("GitLab runner registration", "GR1348941", r"[\w-]{16,}", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    Format("GitLab session", "_gitlab_session=", r"([A-Za-z0-9]{16,})", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    Format("GitLab incoming mail", "incoming+", r"([\w.-]{20,})", "https://docs.gitlab.com/administration/incoming_email/"),
    Format("AWS access key id", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}(?![A-Z0-9])", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    Format("AWS access key id, old", "A3T", r"[A-Z0-9][A-Z2-7]{16}(?![A-Z0-9])", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    Format("AWS session token", "IQoJb3JpZ2lu FwoGZXIvYXdz", r"[A-Za-z0-9+/=%]{40,}", "https://docs.aws.amazon.com/STS/latest/APIReference/API_Credentials.html"),
    Format("AWS Bedrock key", "ABSK bedrock-api-key-", r"[A-Za-z0-9+/]{28,}=*", "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"),
    Format("signed URL", "-Signature= -Security-Token= sig=", r"(?:(?<=X-Amz-Signature=)|(?<=X-Goog-Signature=)|(?<=X-Amz-Security-Token=)|(?<=[?&]sig=))([^\s&\"'<>]{16,})", "https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"),
    Format("Google API key", "AIza", r"[\w-]{30,}", "https://cloud.google.com/docs/authentication/api-keys"),
    Format("Google Gemini key", "AQ.Ab8RN6", r"[\w-]{40,}", "https://ai.google.dev/gemini-api/docs/api-key"),
    Format("Google OAuth token or client secret", "ya29. 1//0 GOCSPX-", r"[\w-]{10,}", "https://developers.google.com/identity/protocols/oauth2"),
    Format("Azure client secret", "Q~", r"(?<=[\w~.-]{3}\dQ~)[\w~.-]{31,}", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-ad-client-secret", lead=4),
    Format("Azure DevOps token", "AZDO", r"(?<=[A-Za-z0-9]{76}AZDO)[A-Za-z0-9]{4}", "https://learn.microsoft.com/en-us/azure/devops/organizations/accounts/use-personal-access-tokens-to-authenticate", lead=76),
    Format("Azure storage key", "+ASt ACDb", r"(?<=[A-Za-z0-9+/]{76}....)[A-Za-z0-9+/]{5,6}==", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-storage-account-key", lead=76),
    Format("Azure service key", "AzFu AzSe ACDb +AEh +ARm +ACR APIM", r"(?<=[\w+/-]{40}....)[\w+/-]{4,8}=*", "https://learn.microsoft.com/en-us/purview/sit-defn-azure-function-master-key", lead=52),
    Format("Azure AI key", "JQQJ99", r"(?<=[A-Za-z0-9]{52}JQQJ99)[A-Za-z0-9]{20,30}", "https://learn.microsoft.com/en-us/azure/ai-services/authentication", lead=52),
    Format("Azure refresh token", "1.A 0.A", r"[\w-]{50,}(?:\.\d)?\.Ag[\w.-]{200,}", "https://learn.microsoft.com/en-us/entra/identity-platform/refresh-tokens"),
    Format("Slack token", "xox xapp-", r"(?:(?<=xapp-)|[a-z]-)(?=[\w.%/+\\-]{0,60}?(?:\d|[a-z][A-Z]|[A-Z][a-z]))[\w.%/+\\-]{8,}", "https://docs.slack.dev/authentication/tokens"),
    Format("Slack webhook", "hooks.slack", r"(?:-gov)?\.com/(?:services|workflows|triggers)/([\w/+-]{10,})", "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"),
    Format("Discord webhook", "/api/webhooks/", r"(?<=discord\.com/api/webhooks/)(\d+/[\w-]{20,})|(?<=discordapp\.com/api/webhooks/)(\d+/[\w-]{20,})", "https://discord.com/developers/docs/resources/webhook"),
    Format("Teams webhook", "webhook.office.com/webhookb2/", r"([\w@-]{36,200}/IncomingWebhook/[\w/-]{20,})", "https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook"),
    Format("Zapier webhook", "hooks.zapier.com/hooks/catch/", r"([\w/]{10,})", "https://help.zapier.com/hc/en-us/articles/8496288690317"),
    Format("Tines webhook", ".tines.com/webhook/", r"([a-z0-9]{32}/[a-z0-9]{32})", "https://www.tines.com/docs/actions/types/webhook/"),
    Format("OpenAI or Anthropic key", "sk-", r"(?:(?:proj|svcacct|service|admin|ant|or|lf|api|None)-[\w-]{8,}|[A-Za-z0-9]{20,}[\w-]*)", "https://platform.openai.com/docs/api-reference/authentication"),
    Format("Langfuse key", "pk-lf-", r"[0-9a-f-]{36}", "https://langfuse.com/docs/api"),
    Format("Stripe key", "sk_test_ sk_live_ sk_prod_ sk_org_ rk_test_ rk_live_ rk_prod_ pk_live_", r"(?:live_|test_)?[A-Za-z0-9-]{10,}", "https://docs.stripe.com/keys"),
    Format("Stripe client secret", "pi_ seti_ cs_live_ cs_test_", r"[A-Za-z0-9]{24}_secret_[A-Za-z0-9]{20,}", "https://docs.stripe.com/api/payment_intents/object"),
    Format("Paystack or ElevenLabs key", "sk_", r"(?:[a-z]{1,40}_)?(?=[A-Za-z]{0,60}\d)[A-Za-z0-9]{29,}", "https://paystack.com/docs/api/authentication/"),
    Format("Cartesia key", "sk_car_", r"\w{20,}", "https://docs.cartesia.ai/get-started/overview"),
    Format("webhook signing secret", "whsec_", r"[A-Za-z0-9+/]{16,}=*", "https://docs.stripe.com/webhooks"),
    Format("SendGrid key", "SG.", r"(?:[\w=.-]{60,}|[\w-]{16,}\.[\w-]{16,})", "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"),
    Format("Twilio key", "SK", r"(?=[A-Za-z]{0,31}\d)[A-Za-z0-9]{32}(?![A-Za-z0-9_-])", "https://www.twilio.com/docs/iam/api-keys"),
    Format("Mailgun key", "key-", r"[0-9a-f]{32}(?![A-Za-z0-9_-])", "https://documentation.mailgun.com/docs/mailgun/user-manual/api-key-mgmt/"),
    Format("Mailchimp key", "-us", r"(?<=[0-9a-f]{32}-us)\d{1,2}(?![A-Za-z0-9_-])", "https://mailchimp.com/developer/marketing/guides/quick-start/", lead=32),
    Format("MailerSend token", "mlsn.", r"[A-Za-z0-9]{30,}", "https://developers.mailersend.com/general.html#authentication"),
    Format("Brevo key", "xkeysib- xsmtpsib-", r"[\w-]{60,}", "https://developers.brevo.com/docs/getting-started"),
    Format("Resend key", "re_", r"[1-9A-HJ-NP-Za-km-z]{8}_[1-9A-HJ-NP-Za-km-z]{24}", "https://resend.com/docs/dashboard/api-keys/introduction"),
    Format("npm token", "npm_", r"[A-Za-z0-9]{30,}", "https://docs.npmjs.com/about-access-tokens"),
    Format("PyPI token", "pypi-", r"[\w-]{40,}", "https://pypi.org/help/#apitoken"),
    Format("RubyGems key", "rubygems_", r"[0-9A-Za-z]{32,}", "https://guides.rubygems.org/api-key-scopes/"),
    Format("Clojars token", "CLOJARS_", r"[0-9A-Za-z]{60}", "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens"),
    Format("NuGet key", "oy2", r"[a-z0-9]{43}(?![a-z0-9])", "https://learn.microsoft.com/en-us/nuget/nuget-org/publish-a-package"),
    Format("Hugging Face token", "hf_ api_org_", r"[A-Za-z0-9]{30,}", "https://huggingface.co/docs/hub/security-tokens"),
    Format("Docker token", "dckr_pat_ dckr_oat_", r"[\w-]{20,}", "https://docs.docker.com/security/access-tokens/"),
    Format("Docker Swarm key", "SWMTKN-1- SWMKEY-1-", r"[A-Za-z0-9+/]{40,}(?:-[a-z0-9]{20,})?", "https://docs.docker.com/engine/swarm/join-nodes/"),
    Format("DigitalOcean token", "dop_v1_ doo_v1_ dor_v1_", r"[0-9a-f]{32,}", "https://docs.digitalocean.com/reference/api/create-personal-access-token/"),
    Format("Databricks token", "dapi", r"[0-9a-f]{32}(?:-\d+)?", "https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    Format("Linear key", "lin_api_ lin_oauth_", r"[A-Za-z0-9]{30,}", "https://linear.app/developers/graphql"),
    Format("Telegram bot token", ":", r"(?<=\d{6}:)[\w-]{35}(?![\w-])", "https://core.telegram.org/bots/api#authorizing-your-bot"),
    Format("Supabase key", "sb_secret_ sbp_", r"(?:(?<=sb_secret_)[\w-]{16,}|(?:v\d_)?[\w-]{32,})", "https://supabase.com/docs/guides/api/api-keys"),
    Format("Shopify token", "shp", r"(?:at|ca|pa|ss|ua|tka)_[0-9a-fA-F]{32,}", "https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens"),
    Format("New Relic key", "NRAK- NRAA- NRRA- NRII- NRIQ- NRJS- NRSP- NRBR-", r"[\w-]{15,}", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    Format("New Relic license key", "NRAL -NRMA", r"(?<=[0-9a-f]{26}NRAL)|(?<=[0-9a-f]{22}FFFFNRAL)|(?<=[0-9a-f]{36}-NRMA)", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/", lead=48),
    Format("Doppler token", "dp.", r"(?:pt|st|ct|sa|said|scim|audit)\.(?:[\w-]{1,60}\.)?[A-Za-z0-9]{30,}", "https://docs.doppler.com/reference/auth-token-formats"),
    Format("Vault token", "hvs. hvb. hvr.", r"[\w-]{20,}", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    Format("Vault token, old", "s. b. r.", r"(?<![_.]..)(?=[a-zA-Z]{0,23}\d)[A-Za-z0-9]{24}(?![\w.(])", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    Format("Terraform token", ".atlasv1.", r"(?<=[A-Za-z0-9]{14}\.atlasv1\.)[\w=-]{40,}", "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens", lead=14),
    Format("age key", "AGE-SECRET-KEY-", r"(?:PQ-)?1[02-9AC-HJ-NP-Z]{20,}", "https://github.com/C2SP/C2SP/blob/main/age.md"),
    Format("age plugin key", "AGE-PLUGIN-", r"[A-Z0-9]{1,40}(?:-[A-Z0-9]{1,40}){0,4}-1[02-9AC-HJ-NP-Z]{20,}", "https://github.com/C2SP/C2SP/blob/main/age.md"),
    Format("JSON web token", "eyJ", r"(?:(?<![\w-]...)|(?<=\\[nrt]...)|(?<=%[0-9A-Fa-f]{2}...)|(?<=[\d;]m...))[\w-]*+(?:\.eyJ[\w-]*+(?:\.[\w-]*+){0,3}|(?:\.[\w-]*+){4}|\.[\w-]{20,}\.[\w-]{20,})", "https://www.rfc-editor.org/rfc/rfc7519"),
    Format("JSON web token, header alone", "eyJhbGci eyJ0eXAi eyJraWQi", r"[\w.-]{60,}", "https://www.rfc-editor.org/rfc/rfc7519"),
    Format("JSON web token, indented", "ewo", r"(?<![\w-]...)[\w-]{9,}+={0,2}\.e[yw][\w-]{12,}={0,2}\.[\w-]*={0,2}", "https://www.rfc-editor.org/rfc/rfc7519"),
    Format("JSON web token, cut", "ey", r"[A-Za-z0-9]{17,}\.ey[\w/\\-]{17,}\.[\w/\\-]*={0,2}", "https://www.rfc-editor.org/rfc/rfc7519"),
    Format("JSON web token in base64", "ZXlK", r"[\w+/\\-]{8,}=*(?:\n[\w+/\\-]{8,}=*)*", "https://www.rfc-editor.org/rfc/rfc7519"),
    Format("Grafana token", "glsa_ glc_ eyJrIjoi", r"[A-Za-z0-9+/_=-]{32,}", "https://grafana.com/docs/grafana/latest/administration/service-accounts/"),
    Format("Miro token", "eyJtaXJv", r"[\w-]{30,}", "https://developers.miro.com/docs/getting-started-with-oauth"),
    Format("Sentry token", "sntrys_ sntryu_", r"[A-Za-z0-9+/=_-]{40,}", "https://docs.sentry.io/account/auth-tokens/"),
    Format("Atlassian token", "ATAT ATCTT", r"[\w+/=-]{24,}", "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"),
    Format("Bitbucket app password", "ATBB", r"[A-Za-z0-9]{32}", "https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/"),
    Format("Bitbucket Data Center token", "BBDC-", r"[A-Za-z0-9+/@_=-]{32,}", "https://confluence.atlassian.com/bitbucketserver/http-access-tokens-939515499.html"),
    Format("Notion token", "ntn_ secret_", r"[A-Za-z0-9]{40,}", "https://developers.notion.com/docs/authorization"),
    Format("Groq key", "gsk_", r"[A-Za-z0-9]{40,}", "https://console.groq.com/docs/quickstart"),
    Format("xAI key", "xai-", r"[\w-]{60,}", "https://docs.x.ai/docs/tutorial"),
    Format("Perplexity key", "pplx-", r"[A-Za-z0-9]{40,}", "https://docs.perplexity.ai/getting-started/quickstart"),
    Format("Cerebras key", "csk-", r"[A-Za-z0-9]{40,}", "https://inference-docs.cerebras.ai/quickstart"),
    Format("NVIDIA key", "nvapi-", r"[\w-]{50,}", "https://docs.nvidia.com/ngc/gpu-cloud/ngc-user-guide/index.html"),
    Format("Together key", "tgp_v1_", r"[\w-]{40,}", "https://docs.together.ai/docs/quickstart"),
    Format("LlamaCloud key", "llx-", r"[A-Za-z0-9]{40,}", "https://docs.cloud.llamaindex.ai/api_key"),
    Format("LangSmith key", "lsv2_pt_ lsv2_sk_", r"[0-9a-fA-F]{32}_[0-9a-fA-F]{10}", "https://docs.smith.langchain.com/administration/how_to_guides/organization_management/create_account_api_key"),
    Format("Pinecone key", "pcsk_", r"[A-Za-z0-9]{5,6}_[A-Za-z0-9]{60,}", "https://docs.pinecone.io/guides/projects/manage-api-keys"),
    Format("Weights & Biases key", "wandb_v1_", r"\w{70,}", "https://docs.wandb.ai/support/find_api_key/"),
    Format("RunPod or redirect.pizza key", "rpa_", r"[A-Za-z0-9]{30,}", "https://docs.runpod.io/get-started/api-keys"),
    Format("Devin key", "apk_ apk_user_ cog_", r"(?:(?<=cog_)[a-z2-7]{52}|(?<=apk_)[A-Za-z0-9+/]{80,}=*|(?<=apk_user_)[A-Za-z0-9+/]{80,}=*)", "https://docs.devin.ai/api-reference/overview"),
    Format("Replicate token", "r8_", r"[\w-]{30,}", "https://replicate.com/docs/topics/security/api-tokens"),
    Format("Pulumi token", "pul-", r"[0-9a-z]{40}", "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/"),
    Format("Postman key", "PMAK-", r"[0-9A-Za-z-]{50,}", "https://learning.postman.com/docs/developer/postman-api/authentication/"),
    Format("PlanetScale secret", "pscale_", r"(?:tkn|pw|oauth)_[\w.=-]{30,}", "https://planetscale.com/docs/api/reference/service-tokens"),
    Format("Tailscale key", "tskey-", r"[a-z]{1,40}-[\w-]{15,}", "https://tailscale.com/kb/1277/key-prefixes"),
    Format("1Password secret key", "A3-", r"[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}", "https://support.1password.com/secret-key-security/"),
    Format("1Password service account", "ops_eyJ", r"[A-Za-z0-9+/]{100,}=*", "https://developer.1password.com/docs/service-accounts/"),
    Format("Adafruit IO key", "aio_", r"[A-Za-z0-9]{28}", "https://io.adafruit.com/api/docs/"),
    Format("Adobe client secret", "p8e-", r"[A-Za-z0-9]{32}", "https://developer.adobe.com/developer-console/docs/guides/authentication/"),
    Format("Aikido key", "AIK_CI_ AIK_CLIENT_ AIK_SECRET_", r"[A-Za-z0-9]{20,}", "https://help.aikido.dev/"),
    Format("Airtable token", "pat", r"[A-Za-z0-9]{14}\.[0-9a-f]{64}", "https://airtable.com/developers/web/guides/personal-access-tokens"),
    Format("Airtable OAuth token", ".v1.", r"(?<=[A-Za-z0-9]{12}\.v1\.)[\w-]{12,}\.[0-9a-f]{16,}", "https://airtable.com/developers/web/api/oauth-reference", lead=60),
    Format("Alibaba access key id", "LTAI STS.", r"(?=[A-Za-z0-9]{0,30}(?:\d|[a-z][A-Z]|[A-Z][a-z]))[A-Za-z0-9]{12,64}", "https://www.alibabacloud.com/help/en/ram/user-guide/create-an-accesskey-pair"),
    Format("Apify token", "apify_api_", r"[A-Za-z0-9-]{30,}", "https://docs.apify.com/platform/integrations/api"),
    Format("Artifactory key", "AKCp cmVmd", r"[A-Za-z0-9]{55,}", "https://jfrog.com/help/r/jfrog-platform-administration-documentation/introduction-to-access-tokens"),
    Format("Asaas key", "$aact_", r"[\w-]{20,}", "https://docs.asaas.com/docs/authentication-2"),
    Format("Authress access key", "sc_ ext_ scauth_ authress_", r"[A-Za-z0-9]{5,30}\.[A-Za-z0-9]{4,6}\.acc[_-][A-Za-z0-9-]{10,32}\.[A-Za-z0-9+/_=-]{30,}", "https://authress.io/knowledge-base/docs/authorization/service-clients/"),
    Format("Bannerbear key", "bb_pr_ bb_ma_", r"[0-9a-f]{30}", "https://developers.bannerbear.com/"),
    Format("Brave Search key", "BSA", _MIXED + r"[\w-]{24,}", "https://api-dashboard.search.brave.com/app/documentation"),
    Format("Buildkite token", "bkua_ bkaa_ bkaj_ bkar_ bkct_ bkpt_ bkpat_ bkps_", r"[\w-]{40,}", "https://buildkite.com/docs/apis/managing-api-tokens"),
    Format("GC Notify key", "gcntfy-", r"[\w-]{60,}", "https://documentation.notification.canada.ca/en/start.html"),
    Format("Canva secret", "cnvca", r"[\w-]{51,}", "https://www.canva.dev/docs/connect/authentication/"),
    Format("CircleCI token", "CCIPAT_ CCIPRJ_", r"[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "https://circleci.com/docs/managing-api-tokens/"),
    Format("ClickHouse Cloud key", "4b1d", r"[A-Za-z0-9]{38}(?![A-Za-z0-9])", "https://clickhouse.com/docs/cloud/manage/openapi"),
    Format("Close key", "api_", r"(?=[A-Za-z0-9]{2,30}\.)[A-Za-z0-9.]{40,}|(?<=api_)(?=[A-Za-z]{0,40}\d)[A-Za-z0-9.]{45}", "https://developer.close.com/topics/authentication/"),
    Format("Cloudflare token", "cfat_ cfut_ cfk_", r"[A-Za-z0-9]{40,}", "https://developers.cloudflare.com/fundamentals/api/get-started/create-token/"),
    Format("Cloudflare Origin CA key", "v1.0-", r"[A-Za-z0-9-]{160,}", "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys/"),
    Format("Cloudsmith key", "csa_", r"[0-9a-f]{30}[A-Za-z0-9]{6}", "https://help.cloudsmith.io/docs/api-key"),
    Format("CockroachDB key", "CCDB1_", r"[A-Za-z0-9]{22}_[A-Za-z0-9]{40}", "https://www.cockroachlabs.com/docs/cockroachcloud/managing-access"),
    Format("ConfigCat key", "configcat-sdk-1/", r"[\w-]{22}/[\w-]{22}", "https://configcat.com/docs/sdk-reference/overview/"),
    Format("Contentful token", "CFPAT-", r"[\w-]{40,}", "https://www.contentful.com/developers/docs/references/authentication/"),
    Format("DataStax Astra token", "AstraCS:", r"[A-Za-z0-9:]{20,}", "https://docs.datastax.com/en/astra-db-serverless/administration/manage-application-tokens.html"),
    Format("Deno token", "ddp_ ddo_ ddw_", r"[A-Za-z0-9]{36}", "https://docs.deno.com/deploy/"),
    Format("DevCycle key", "dvc_client_ dvc_mobile_ dvc_server_", _MIXED + r"[A-Za-z0-9]{8,}\w*", "https://docs.devcycle.com/essentials/keys"),
    Format("dfuse key", "web_ server_", r"(?=[a-z]{0,31}\d)[0-9a-z]{32}(?![A-Za-z0-9_])", "https://docs.dfuse.io/platform/dfuse-cloud/authentication/"),
    Format("Duffel token", "duffel_test_ duffel_live_", r"[\w=-]{40,}", "https://duffel.com/docs/api/overview/making-requests"),
    Format("Dynatrace token", "dt0", r"[a-z]\d\d\.[A-Za-z0-9]{24}\.[A-Za-z0-9]{64}", "https://docs.dynatrace.com/docs/dynatrace-api/basics/dynatrace-api-authentication"),
    Format("EasyPost key", "EZAK EZTK", r"[A-Za-z0-9]{54}", "https://docs.easypost.com/docs/authentication"),
    Format("Elastic Cloud key", "essu_", r"[\w-]{40,}=*", "https://www.elastic.co/docs/deploy-manage/api-keys/elastic-cloud-api-keys"),
    Format("Endor Labs key", "endr+", r"[A-Za-z0-9-]{16}", "https://docs.endorlabs.com/administration/api-keys/"),
    Format("Exoscale key", "EXO", r"(?=[A-Za-z0-9]{0,26}(?:\d|[a-z][A-Z]))[A-Za-z0-9]{24,}", "https://community.exoscale.com/platform/iam/"),
    Format("Facebook app token", "| %", r"(?<=\d{15}.)[\w-]{27,40}(?![\w-])", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens", lead=16),
    Format("Facebook or Square token", "EAA", r"(?=[\w-]{0,30}\d)[\w-]{22,}", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens"),
    Format("Square token", "sq0", r"[a-z]{3}-[\w-]{22,}", "https://developer.squareup.com/docs/build-basics/access-tokens"),
    Format("Figma token", "figd_ figp_ figo_ figu_", r"[\w=-]{30,}", "https://www.figma.com/developers/api#authentication"),
    Format("Finage key", "API_KEY", r"[0-9A-Z]{32}(?![A-Za-z0-9_])", "https://finage.co.uk/docs/api/getting-started"),
    Format("Fleetbase key", "flb_live_ flb_test_", r"[0-9A-Za-z]{20,}", "https://docs.fleetbase.io/developers/api"),
    Format("Flexport token", "shltm_", r"[\w-]{40,}", "https://docs.logistics-api.flexport.com/"),
    Format("Flutterwave key", "FLWSECK FLWPUBK", r"(?:_TEST)?-[A-Za-z0-9]{12,}(?:-X)?", "https://developer.flutterwave.com/docs/authentication"),
    Format("Fly.io token", "FlyV1 fo1_ fm1a_ fm1r_ fm2_", r"[ +]?(?:fm\d+_)?[\w=,/+-]{43,}", "https://fly.io/docs/security/tokens/"),
    Format("Frame.io token", "fio-u-", r"[\w=-]{60,}", "https://developer.frame.io/docs/getting-started/authentication"),
    Format("FullStory key", "na1. eu1.", r"[A-Za-z0-9+/]{90,}=*", "https://developer.fullstory.com/server/authentication/"),
    Format("Gemini exchange key", "master- account-", r"(?=[A-Za-z]{0,19}(?:\d|[a-z][A-Z]|[A-Z][a-z]))[0-9A-Za-z]{20}(?![\w-])", "https://docs.gemini.com/authentication/api-key"),
    Format("GoCardless token", "live_", r"(?=[\w-]{0,39}\d)[\w-]{40}(?![\w-])", "https://developer.gocardless.com/getting-started/api/making-your-first-request/"),
    Format("Harness token", "pat. sat.", r"[\w-]{22}\.[0-9a-zA-Z]{24}\.[A-Za-z0-9]{20}", "https://developer.harness.io/docs/platform/automation/api/add-and-manage-api-keys/"),
    Format("Heroku key", "HRKU-AA", r"[\w-]{50,}", "https://devcenter.heroku.com/articles/authentication"),
    Format("HubSpot token", "pat-eu1- pat-na1-", r"[A-Za-z0-9]{8}(?:-[A-Za-z0-9]{4}){3}-[A-Za-z0-9]{12}", "https://developers.hubspot.com/docs/guides/apps/private-apps/overview"),
    Format("Infracost key", "ico-", r"[A-Za-z0-9]{32}", "https://www.infracost.io/docs/infracost_cloud/get_started/"),
    Format("42 secret", "s-s4t2 u-s4t2", r"(?:ud|af)-[0-9a-fA-F]{64}", "https://api.intra.42.fr/apidoc/guides/getting_started"),
    Format("Ionic token", "ion_", r"[A-Za-z0-9]{42}", "https://ionic.io/docs/appflow/personal-access-tokens"),
    Format("Klaviyo key", "pk_", r"(?:[A-Za-z0-9]{6}_)?[0-9a-f]{34}", "https://developers.klaviyo.com/en/docs/authenticate_"),
    Format("LaunchDarkly key", "api- sdk-", r"[a-z0-9]{8}-[a-z0-9]{4}-4[a-z0-9]{3}-[a-z0-9]{4}-[a-z0-9]{12}", "https://launchdarkly.com/docs/home/account/api"),
    Format("Lichess token", "lip_", _MIXED + r"\w{16,}", "https://lichess.org/api#section/Introduction/Authentication"),
    Format("Lob key", "live_ test_", r"[0-9a-f]{35}", "https://docs.lob.com/#tag/Authentication"),
    Format("LocationIQ token", "pk.", r"(?=[A-Za-z-]{0,31}\d)[A-Za-z0-9-]{32}(?![A-Za-z0-9_-])", "https://docs.locationiq.com/docs/introduction"),
    Format("Mapbox token", "sk.", r"[A-Za-z0-9.-]{80,}", "https://docs.mapbox.com/help/dive-deeper/access-tokens/"),
    Format("MaxMind key", "_mmk", r"(?<=[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk)(?!\w)", "https://dev.maxmind.com/license-key/", lead=36),
    Format("Mercury token", "mercury_production_ mercury_sandbox_", r"\w{40,}", "https://docs.mercury.com/docs/getting-started"),
    Format("Mergify key", "mergify_application_key_", r"[\w-]{40,}", "https://docs.mergify.com/api/usage/"),
    Format("MongoDB Atlas secret", "mdb_sa_id_ mdb_sa_sk_", r"[\w-]{20,}", "https://www.mongodb.com/docs/atlas/configure-api-access/"),
    Format("Neon key", "napi_", r"[A-Za-z0-9]{60,}", "https://neon.com/docs/manage/api-keys"),
    Format("Nightfall key", "NF-", r"(?=[A-Za-z]{0,31}\d)[A-Za-z0-9]{32}", "https://docs.nightfall.ai/docs/authentication-and-security"),
    Format("Nylas key", "nyk_", r"[A-Za-z0-9]{60,}", "https://developer.nylas.com/docs/v3/auth/"),
    Format("Octopus Deploy key", "API-", r"[A-Z0-9]{26}(?![A-Za-z0-9_-])", "https://octopus.com/docs/octopus-rest-api/how-to-create-an-api-key"),
    Format("OneSignal key", "os_v2_app_ os_v2_org_", r"[a-z2-7]{100,}", "https://documentation.onesignal.com/docs/en/keys-and-ids"),
    Format("Onfido token", "api_live api_sandbox", r"(?:_ca|_us)?\.[\w-]{20,}", "https://documentation.onfido.com/api/latest/#api-tokens"),
    Format("OpenShift token", "sha256~", r"[\w-]{43}", "https://docs.openshift.com/container-platform/latest/authentication/understanding-authentication.html"),
    Format("Paddle key", "pdl_live_apikey_ pdl_sdbx_apikey_", r"[a-z0-9]{26}_[A-Za-z0-9]{22}_[A-Za-z0-9]{3}", "https://developer.paddle.com/api-reference/about/authentication"),
    Format("Pagar.me key", "ak_live_ ak_test_", r"[A-Za-z0-9]{30}", "https://docs.pagar.me/docs/chaves-de-acesso"),
    Format("Persona key", "persona_production_ persona_sandbox_", _MIXED + r"[\w-]{20,}", "https://docs.withpersona.com/api-keys"),
    Format("Pinterest token", "pina_ pinr_", _MIXED + r"[\w-]{20,}", "https://developers.pinterest.com/docs/getting-started/set-up-authentication-and-authorization/"),
    Format("Polar token", "polar_at_ polar_oat_ polar_pat_ polar_rt_ polar_cs_", _MIXED + r"[\w-]{20,}", "https://docs.polar.sh/api-reference/introduction"),
    Format("PostHog key", "phx_ phc_ phs_", _MIXED + r"[\w-]{40,}", "https://posthog.com/docs/api"),
    Format("Prefect key", "pnu_ pnb_", r"[A-Za-z0-9]{36}", "https://docs.prefect.io/v3/how-to-guides/cloud/manage-users/api-keys"),
    Format("Proof key", "prf_", _MIXED + r"[\w-]{20,}", "https://dev.proof.com/docs/authentication"),
    Format("PubNub key", "pub-c- sub-c- sec-c-", r"[0-9A-Za-z]{8}-[0-9a-z]{4}-[a-z0-9]{4}-[a-z0-9]{4}-[a-z0-9]{12}|(?<=sec-c-)[A-Za-z0-9=]{40,}", "https://www.pubnub.com/docs/general/setup/account-setup"),
    Format("Ramp secret", "ramp_id_ ramp_sec_ ramp_tok_", r"[A-Za-z0-9]{40,}", "https://docs.ramp.com/developer-api/v1/authorization"),
    Format("Razorpay key", "rzp_live_ rzp_test_", r"[A-Za-z0-9]{14,}", "https://razorpay.com/docs/payments/dashboard/account-settings/api-keys/"),
    Format("ReadMe key", "rdme_", r"[a-z0-9]{70}", "https://docs.readme.com/main/reference/authentication"),
    Format("Render key", "rnd_", r"[A-Za-z0-9]{28,}", "https://render.com/docs/api"),
    Format("Robinhood key", "rh-api-", r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", "https://docs.robinhood.com/crypto/trading/"),
    Format("Rootly key", "rootly_", r"[0-9a-f]{64}", "https://docs.rootly.com/api-reference/overview"),
    Format("Salad Cloud key", "salad_cloud_", r"[0-9A-Za-z]{1,7}_(?=[A-Za-z]{0,60}(?:\d|[a-z][A-Z]|[A-Z][a-z]))[0-9A-Za-z]{7,}", "https://docs.salad.com/reference/api-usage"),
    Format("Salesforce token", "!", r"(?<=00[A-Za-z0-9]{13}!)[\w.-]{80,}", "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_tokens_scopes.htm", lead=15),
    Format("Salesforce key", "5AEP861 3MVG9", r"[\w.+/=]{80,}", "https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_tokens_scopes.htm"),
    Format("Samsara token", "samsara_api_", r"[A-Za-z0-9]{26,}", "https://developers.samsara.com/docs/authentication"),
    Format("Scalingo token", "tk-us-", r"[\w-]{48}", "https://developers.scalingo.com/"),
    Format("Segment or Sourcegraph token", "sgp_ slk_", r"(?:(?:[0-9a-fA-F]{16}|local)_)?[A-Za-z0-9]{40,}", "https://sourcegraph.com/docs/cli/how-tos/creating_an_access_token"),
    Format("SettleMint token", "sm_aat_ sm_pat_ sm_sat_", r"[A-Za-z0-9]{16,}", "https://console.settlemint.com/documentation/"),
    Format("Shippo token", "shippo_live_ shippo_test_", r"[0-9a-fA-F]{40}", "https://docs.goshippo.com/docs/guides_general/authentication/"),
    Format("SonarQube token", "sqp_ squ_ sqa_ sqco_", r"[0-9A-Za-z]{40,}", "https://docs.sonarsource.com/sonarqube-server/user-guide/managing-tokens/"),
    Format("Tableau token", "==:", r"(?<=[A-Za-z0-9+/]{22}==:)[A-Za-z0-9]{32}(?![A-Za-z0-9])", "https://help.tableau.com/current/server/en-us/security_personal_access_tokens.htm", lead=22),
    Format("Thunderstore token", "tss_", _MIXED + r"[\w-]{20,}", "https://thunderstore.io/api/docs/"),
    Format("TruffleHog key", "thog-key- thog-secret-", r"[0-9a-f]{16,}", "https://docs.trufflesecurity.com/"),
    Format("Typeform token", "tfp_", _MIXED + r"\w{40,}", "https://www.typeform.com/developers/get-started/personal-access-token/"),
    Format("Ubidots key", "BBFF-", r"[0-9a-zA-Z]{30}", "https://docs.ubidots.com/v1.6/reference/authentication"),
    Format("Unkey key", "unkey_", r"[A-Za-z0-9]{20,}", "https://www.unkey.com/docs/security/root-keys"),
    Format("UpCloud token", "ucat_", r"[A-Za-z0-9]{24,}", "https://developers.upcloud.com/1.3/3-accounts/"),
    Format("Val Town token", "vtwn_", _MIXED + r"[\w-]{20,}", "https://docs.val.town/reference/api/authentication/"),
    Format("Vercel token", "vck_ vca_ vcr_ vci_ vcp_", r"[\w-]{50,}", "https://vercel.com/docs/rest-api#authentication"),
    Format("Voiceflow key", "VF.", r"(?:DM\.|WS\.)?[0-9a-fA-F]{24}\.[A-Za-z0-9]{16}", "https://docs.voiceflow.com/reference/authentication"),
    Format("WakaTime key", "waka_", r"[A-Za-z0-9-]{32,}", "https://wakatime.com/developers#authentication"),
    Format("Workato token", "wrka", r"(?:[a-z]{2})?-eyJ[\w.-]{60,}", "https://docs.workato.com/workato-api/api-clients.html"),
    Format("Xendit key", "xnd_production_ xnd_development_", r"[A-Za-z0-9]{40,}", "https://docs.xendit.co/docs/api-keys"),
    Format("Zoho token", "1000.", r"[0-9a-f]{32}\.[0-9a-f]{32}", "https://www.zoho.com/accounts/protocol/oauth/self-client/authorization-code-flow.html"),
    Format("Zuplo key", "zpka_", r"[a-z0-9]{32}_[0-9a-f]{8}", "https://zuplo.com/docs/articles/api-key-management"),
)  # fmt: skip

_KEY_BEGIN = r"-----\s{0,4}BEGIN[ A-Z0-9_-]{0,100}PRIVATE KEY(?: BLOCK)?\s{0,4}-----"
_KEY_EDGE = rf"{_KEY_BEGIN}|KEY(?: BLOCK)?\s{{0,4}}-----"
_KEY_BREAK = r"[\s\"',|>+*#]*+"
_KEY_BODY = (
    rf"{_KEY_BREAK}(?:[A-Za-z-]+: [^\n]*+{_KEY_BREAK})*+(?:[A-Za-z0-9+/=]{{16,}}+{_KEY_BREAK})+"
    r"(?:(?<!\n\n)[A-Za-z0-9+/=]+)?"  # a blank line ends the key: what follows is another text
)
_LOOKS_LIKE_BODY = r"\n|[A-Za-z0-9+/=]{16}"


def find(text: str, formats: tuple[Format, ...] = FORMATS) -> Iterator[tuple[int, int]]:
    """Return where in ``text`` something of a known format stands, or a private key."""
    pairs = set(pairwise(" ".join(set(text.split()))))  # of characters, in its words, many of which repeat
    for mark, pairs_of_mark, format_ in _marks(formats):
        if not pairs_of_mark <= pairs:
            continue  # most marks need no search
        at = text.find(mark)
        while at >= 0:
            end = at + len(mark)
            before = text[at - 1 : at]
            is_inside = mark[0].isalnum() and before.isascii() and before.isalnum()
            if (format_.lead or not is_inside) and (match := _compiled(format_.rest).match(text, end)):
                end = match.end()
                start = word_start(text, at, format_.lead, "-+/=~.")
                yield match.span(match.lastindex) if match.lastindex else (start, end)
            at = text.find(mark, end)
    if "PRIVATE KEY" in text:
        yield from _private_keys(text)


def word_start(text: str, at: int, most: int, punctuation: str) -> int:
    """Return where the word begins that goes on at ``at``, at most so many characters before it."""
    while most and at and (text[at - 1].isalnum() or text[at - 1] == "_" or text[at - 1] in punctuation):
        at, most = at - 1, most - 1
    return at


def _private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Return where private keys stand (RFC 7468, RFC 9580), complete or cut."""
    for begin in _compiled(_KEY_BEGIN).finditer(text):
        edge = _compiled(_KEY_EDGE).search(text, begin.end())
        inside = (begin.end(), edge.start() if edge else len(text))
        if edge and edge[0].startswith("KEY") and _compiled(_LOOKS_LIKE_BODY).search(text, *inside):
            yield begin.start(), edge.end()
        elif body := _compiled(_KEY_BODY).match(text, *inside):
            yield begin.start(), body.end()


@cache
def _marks(formats: tuple[Format, ...]) -> list[tuple[str, frozenset[tuple[str, str]], Format]]:
    """Return the marks of ``formats``, each with its pairs of characters."""
    return [(mark, frozenset(pairwise(mark)), format_) for format_ in formats for mark in format_.marks.split()]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile on first use: importing the package stays fast."""
    return re.compile(pattern, re.ASCII)
