"""A provider that speaks the OpenAI chat protocol: OpenAI itself, vLLM, Ollama, a gateway.

The SDK (pydantic-ai) is imported only when a provider is built: a scorer or a worker without one never loads it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import SecretStr

from scoring.enrichment.budget import Budget
from scoring.enrichment.prompt import Prompt
from scoring.enrichment.reading import Reading
from scoring.errors import ProviderFailed

if TYPE_CHECKING:
    from pydantic_ai import Agent

ANSWER_TOKENS = 600
ATTEMPTS = 2  # calls a reading may take: the first, and one more if the answer is not the schema
_BYTES_PER_TOKEN = 2  # a safe lower bound over languages; real tokens are longer
_TAG = "lead_data"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a model answers, and its price in dollars per million tokens (zero for one's own machine)."""

    name: str
    base_url: str
    model: str
    key: SecretStr
    timeout_seconds: float
    input_price: float
    output_price: float


class OpenAICompatible:
    """Reads with one model at one endpoint."""

    def __init__(self, endpoint: Endpoint, prompt: Prompt, budget: Budget) -> None:
        self.name = f"{endpoint.name}:{endpoint.model}"
        self.prompt_version = prompt.version
        self._endpoint = endpoint
        self._prompt = prompt
        self._budget = budget
        self._agent = _agent(endpoint, prompt)

    async def read(self, text: str) -> Reading:
        """One reading, at temperature 0, in at most two calls of `timeout_seconds`.

        Raises:
            ProviderFailed: the endpoint failed, timed out, or twice gave something that is not the schema.
            BudgetSpent: the day's money does not allow the call; none was made.
        """
        from pydantic_ai.exceptions import AgentRunError
        from pydantic_ai.framing import register_tag, wrap

        reserved = ATTEMPTS * self._cost(len((self._prompt.text + text).encode()) // _BYTES_PER_TOKEN, ANSWER_TOKENS)
        self._budget.reserve(reserved)
        try:
            run = await self._agent.run(wrap(register_tag(_TAG), text))
        except AgentRunError as error:
            # The reservation stands: a call that failed may have been paid for.
            raise ProviderFailed(f"{self.name}: {type(error).__name__}: {_short(error)}") from None
        usage = run.usage
        self._budget.settle(reserved, min(reserved, self._cost(usage.input_tokens, usage.output_tokens)))
        return run.output

    def _cost(self, input_tokens: int, output_tokens: int) -> float:
        endpoint = self._endpoint
        return (input_tokens * endpoint.input_price + output_tokens * endpoint.output_price) / 1e6


def _agent(endpoint: Endpoint, prompt: Prompt) -> Agent[None, Reading]:
    from openai import AsyncOpenAI
    from pydantic_ai import Agent, NativeOutput
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.providers.openai import OpenAIProvider

    client = AsyncOpenAI(
        base_url=endpoint.base_url,
        api_key=endpoint.key.get_secret_value() or "none",
        timeout=endpoint.timeout_seconds,
        max_retries=1,
    )
    model = OpenAIChatModel(endpoint.model, provider=OpenAIProvider(openai_client=client))
    return Agent(
        model,
        output_type=NativeOutput(Reading),
        instructions=prompt.text,
        retries=ATTEMPTS - 1,
        model_settings={"temperature": 0, "timeout": endpoint.timeout_seconds, "max_tokens": ANSWER_TOKENS},
    )


def _short(error: Exception) -> str:
    """The first words of an SDK's error; its body may quote the text that was sent."""
    return re.sub(r"\s+", " ", str(error)).split("body:")[0][:120]
