"""The ways in which programs call Claude: tables of names.  A new way is a line here."""

import re
from typing import Final

CLIENTS: Final = frozenset(
    [
        *(
            f"anthropic.{colour}{name}"
            for colour in ("", "Async")
            for name in (
                "Anthropic", "AnthropicBedrock", "AnthropicBedrockMantle", "AnthropicVertex", "AnthropicFoundry",
                "AnthropicAWS", "AnthropicGoogleCloud", "Client",
            )
        ),
        *(
            f"@anthropic-ai/{package}.{name}"
            for package in ("sdk", "bedrock-sdk", "vertex-sdk", "foundry-sdk", "aws-sdk")
            for name in (
                "default", "Anthropic", "AnthropicBedrock", "AnthropicVertex", "AnthropicFoundry", "AnthropicAWS",
                "default.default",
            )
        ),
        "@anthropic-ai/sdk",
        "npm:@anthropic-ai/sdk.default",
    ]
)  # fmt: skip
"""Classes of the official SDKs."""

WRAPPERS: Final = {
    "langchain_anthropic.ChatAnthropic": "ChatAnthropic of langchain-anthropic",
    "langchain_anthropic.chat_models.ChatAnthropic": "ChatAnthropic of langchain-anthropic",
    "@langchain/anthropic.ChatAnthropic": "ChatAnthropic of @langchain/anthropic",
}
"""Classes that are client and request in one: model and limits are given once, where it is made."""

MODEL_CALLS: Final = {
    "litellm.completion": "litellm",
    "litellm.acompletion": "litellm",
    "ai.generateText": "the AI SDK",
    "ai.streamText": "the AI SDK",
    "ai.generateObject": "the AI SDK",
    "ai.streamObject": "the AI SDK",
}
"""Functions that ask the model that they are given; they count when that is a Claude."""

MODEL_MAKERS: Final = frozenset({
    "@ai-sdk/anthropic.anthropic", "@ai-sdk/anthropic.createAnthropic", "@ai-sdk/anthropic.default",
})  # fmt: skip
"""`anthropic("claude-…")`: what stands for a model."""

FOREIGN: Final = {
    "pydantic_ai": "Pydantic AI", "litellm": "litellm", "instructor": "instructor", "crewai": "CrewAI",
    "llama_index": "LlamaIndex", "haystack": "Haystack", "dspy": "DSPy", "autogen": "AutoGen", "agno": "Agno",
    "smolagents": "smolagents", "strands": "Strands", "google.adk": "Google ADK",
    "langchain_anthropic": "LangChain", "langchain_aws": "LangChain",
    "claude_agent_sdk": "the Claude Agent SDK", "aisuite": "aisuite", "mirascope": "Mirascope",
    "@anthropic-ai/claude-agent-sdk": "the Claude Agent SDK", "@anthropic-ai/claude-code": "Claude Code",
    "@langchain/anthropic": "LangChain", "@ai-sdk/anthropic": "the AI SDK", "@mastra/core": "Mastra",
    "@llamaindex/anthropic": "LlamaIndex", "genkitx-anthropic": "Genkit",
}  # fmt: skip
"""Libraries that call Claude in ways of their own."""

RECORDERS: Final = {
    "langfuse": "Langfuse", "langsmith": "LangSmith",
    "opentelemetry.instrumentation.anthropic": "OpenTelemetry",
    "openinference.instrumentation.anthropic": "OpenInference", "traceloop": "Traceloop",
    "agentops": "AgentOps", "braintrust": "Braintrust", "ddtrace": "Datadog", "weave": "Weave",
    "mlflow": "MLflow", "portkey_ai": "Portkey", "posthog.ai.anthropic": "PostHog",
    "sentry_sdk.integrations.anthropic": "Sentry", "langsmith/wrappers": "LangSmith", "@langfuse": "Langfuse",
    "@posthog/ai": "PostHog", "dd-trace": "Datadog", "lunary": "Lunary", "helicone": "Helicone",
    "@arizeai/openinference-instrumentation-anthropic": "OpenInference",
    "@traceloop/node-server-sdk": "Traceloop",
}  # fmt: skip
"""Libraries that record the usage of every request by themselves."""

HTTP_CALLS: Final = re.compile(
    r"(?:requests|httpx2?|niquests)\.(?:post|request|stream)|fetch|axios|axios\.default(?:\.post)?|axios\.post|"
    r"undici\.(?:fetch|request)|node-fetch\.default|urllib\.request\.Request|got\.default(?:\.post)?|ky\.default\.post"
)
"""Functions that send a request to an address."""

HTTP_METHODS: Final = frozenset({"post", "request", "stream", "fetch"})
"""Methods of a session that do."""

ADDRESS: Final = "api.anthropic.com"

METHODS: Final = frozenset({"create", "stream", "parse", "tool_runner", "toolRunner"})
"""What is done with `messages`."""

PASSED: Final = frozenset({"with_raw_response", "with_streaming_response", "withResponse", "asResponse"})

PARTIALS: Final = frozenset({"functools.partial", "partial"})
"""Make a function of a function and some of its arguments."""

THREADS: Final = frozenset({"to_thread", "run_in_threadpool"})
"""Run the function that they are given with the arguments behind it, and give back what it gives."""

BATCHES_READ: Final = frozenset({"retrieve", "list", "results", "cancel", "delete"})
"""What is done with batches that are there already."""

ROLES: Final = {
    "model": "model", "model_name": "model", "modelName": "model", "model_id": "model",
    "max_tokens": "max_tokens", "maxTokens": "max_tokens", "max_tokens_to_sample": "max_tokens",
    "maxOutputTokens": "max_tokens", "max_output_tokens": "max_tokens", "max_completion_tokens": "max_tokens",
    "stream": "stream", "streaming": "stream", "messages": "messages", "prompt": "messages", "system": "system",
    "tools": "tools", "tool_choice": "tool_choice", "toolChoice": "tool_choice", "thinking": "thinking",
    "metadata": "metadata", "temperature": "temperature", "top_p": "top_p", "topP": "top_p", "top_k": "top_k",
    "topK": "top_k", "betas": "betas", "extra_body": "extra_body", "max_iterations": "max_iterations",
    "timeout": "timeout", "request_timeout": "timeout", "default_request_timeout": "timeout",
    "requestTimeout": "timeout", "signal": "signal", "abortSignal": "signal", "max_retries": "max_retries",
    "maxRetries": "max_retries", "num_retries": "max_retries", "api_key": "api_key", "apiKey": "api_key",
    "anthropic_api_key": "api_key", "anthropicApiKey": "api_key", "auth_token": "auth_token",
    "authToken": "auth_token", "credentials": "credentials", "base_url": "base_url", "baseURL": "base_url",
    "baseUrl": "base_url", "anthropic_api_url": "base_url", "dangerouslyAllowBrowser": "browser",
    "http_client": "transport", "httpAgent": "transport", "fetch": "transport", "logLevel": "log_level",
    "default_headers": "headers", "extra_headers": "headers", "headers": "headers",
    "clientOptions": "client_options",
}  # fmt: skip
"""Names of arguments in either language, and what they are about."""
