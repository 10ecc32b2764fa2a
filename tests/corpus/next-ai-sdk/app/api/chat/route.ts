import { anthropic } from "@ai-sdk/anthropic";
import { streamText, generateText } from "ai";

export async function POST(request: Request) {
  const { prompt } = await request.json();
  const result = streamText({ model: anthropic("claude-haiku-4-5"), prompt });
  return result.toTextStreamResponse();
}

export async function PUT(request: Request) {
  const { prompt } = await request.json();
  const { text, usage } = await generateText({
    model: anthropic("claude-3-7-sonnet-latest"),
    maxOutputTokens: 400,
    maxRetries: 0,
    abortSignal: AbortSignal.timeout(30_000),
    prompt,
  });
  return Response.json({ text, usage });
}
