// Claude with the AI SDK, through the gateway.
import { createAnthropic } from '@ai-sdk/anthropic';
import { generateText, streamText } from 'ai';
import { answer, type Call, type Stop } from '@/lib/answer';
import { Failure } from '@/lib/friendly';
import { MAX_TOKENS, MODEL, settings, SYSTEM } from '@/lib/settings';

export const maxDuration = 120;

const STOPS: Record<string, Stop> = { length: 'length', 'content-filter': 'declined' };

/** Of this call alone: errors in the middle of a stream do not know the id of their reply. */
function claude(call: Call) {
  const { gateway, key } = settings();
  return createAnthropic({
    baseURL: `${gateway}/v1`, // unlike Anthropic's SDK, this one wants /v1 in its base URL
    apiKey: key,
    fetch: async (...request) => {
      const reply = await fetch(...request);
      call.requestId = reply.headers.get('request-id');
      return reply;
    },
  });
}

async function* ask(call: Call): AsyncGenerator<string, Stop> {
  const order = {
    model: claude(call)(MODEL),
    maxOutputTokens: MAX_TOKENS,
    system: SYSTEM,
    messages: call.messages,
    headers: call.headers,
    abortSignal: call.signal,
    maxRetries: 0, // the gateway retries, within the budget; an SDK that does so too multiplies the attempts
  };
  if (!call.stream) {
    const { text, finishReason } = await generateText(order);
    yield text;
    return STOPS[finishReason] ?? 'end';
  }
  // Without an onError of one's own, the AI SDK prints the whole error, and with it the question.
  const { fullStream } = streamText({ ...order, onError: () => undefined });
  for await (const part of fullStream) {
    if (part.type === 'text-delta') yield part.text;
    if (part.type === 'error') throw part.error;
    if (part.type === 'finish' && part.rawFinishReason) return STOPS[part.finishReason] ?? 'end';
  }
  throw new Failure('cut');
}

export function POST(request: Request): Promise<Response> {
  return answer(request, 'chat-ai-sdk', ask);
}
