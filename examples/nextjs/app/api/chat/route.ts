// Claude with Anthropic's own SDK, through the gateway.
import Anthropic from '@anthropic-ai/sdk';
import { answer, type Call, type Stop } from '@/lib/answer';
import { Failure } from '@/lib/friendly';
import { MAX_TOKENS, MODEL, settings, SYSTEM } from '@/lib/settings';

export const maxDuration = 120;

const STOPS: Record<string, Stop> = { max_tokens: 'length', refusal: 'declined' };

let client: Anthropic | undefined;

function claude(): Anthropic {
  const { gateway, key, timeoutSeconds } = settings();
  client ??= new Anthropic({
    baseURL: gateway, // the SDK adds /v1
    apiKey: key, // the only credential: with it, the SDK reads none from the environment
    maxRetries: 0, // the gateway retries, within the budget; an SDK that does so too multiplies the attempts
    timeout: timeoutSeconds * 1000,
    logLevel: 'off', // where it cannot read a reply, the SDK would log it
  });
  return client;
}

async function* ask(call: Call): AsyncGenerator<string, Stop> {
  const order = { model: MODEL, max_tokens: MAX_TOKENS, system: SYSTEM, messages: call.messages };
  const options = { headers: call.headers, signal: call.signal };
  if (!call.stream) {
    const reply = claude().messages.create(order, options);
    call.requestId = (await reply.asResponse()).headers.get('request-id');
    const message = await reply;
    if (!Array.isArray(message?.content)) throw new Failure('cut'); // the SDK does not look at what it was given
    yield message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    return STOPS[message.stop_reason ?? ''] ?? 'end';
  }
  const reply = claude().messages.create({ ...order, stream: true }, options);
  call.requestId = (await reply.asResponse()).headers.get('request-id');
  let stop: string | null = null;
  for await (const event of await reply) {
    if (event.type === 'content_block_delta' && event.delta.type === 'text_delta') yield event.delta.text;
    if (event.type === 'message_delta') stop = event.delta.stop_reason;
    if (event.type === 'message_stop') return STOPS[stop ?? ''] ?? 'end';
  }
  // The SDK ends the loop without a word when the signal aborts it, and when the connection was closed in good order.
  throw new Failure('cut');
}

export function POST(request: Request): Promise<Response> {
  return answer(request, 'chat', ask);
}
