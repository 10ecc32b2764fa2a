// Runs every scenario with the official TypeScript SDK against one address and prints what came of each as JSON.
//
//   ANTHROPIC_BASE_URL=… ANTHROPIC_API_KEY=… node driver.mjs PHOTO PDF BOOK

import { readFileSync } from 'node:fs';
import Anthropic from '@anthropic-ai/sdk';
import { betaTool } from '@anthropic-ai/sdk/helpers/beta/json-schema';
import { jsonSchemaOutputFormat } from '@anthropic-ai/sdk/helpers/json-schema';

const [photo, pdf, book] = process.argv.slice(2);
const client = new Anthropic({ maxRetries: 0 });
const HAIKU = 'claude-haiku-4-5';
const SONNET = 'claude-sonnet-5';
const HELLO = [{ role: 'user', content: 'Hello, how high is the tide today? 🌊' }];
const SCHEMA = {
  type: 'object',
  properties: { place: { type: 'string' }, days: { type: 'integer', minimum: 1, maximum: 7 } },
  required: ['place', 'days'],
  additionalProperties: false,
};
const WEATHER = { name: 'get_weather', description: 'The weather at a place', input_schema: SCHEMA };

const base64 = (path) => readFileSync(path).toString('base64');
const about = (...blocks) => [{ role: 'user', content: [...blocks, { type: 'text', text: 'What is this?' }] }];
const image = (source) => ({ type: 'image', source });
const order = (more) => ({ model: SONNET, max_tokens: 300, messages: HELLO, ...more });
const create = (more, options) => client.messages.create(order(more), options);
const fault = (orders) => ({ headers: { 'x-fake-fault': orders } });
const photograph = () => image({ type: 'base64', media_type: 'image/jpeg', data: base64(photo) });
const paper = () => ({ type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: base64(pdf) } });

async function all(iterable) {
  const found = [];
  for await (const each of iterable) found.push(each);
  return found;
}

async function failing(orders) {
  try {
    await create({}, fault(orders));
  } catch (error) {
    return {
      class: error.constructor.name,
      status: error.status,
      type: error.type ?? null,
      message: error.error?.error?.message ?? null,
      hasRequestId: Boolean(error.requestID),
      reason: error.headers?.get('x-tidegate-reason') ?? null,
      shouldRetry: error.headers?.get('x-should-retry') ?? null,
    };
  }
  return null;
}

const SCENARIOS = {
  create: () => create({}),
  async streamed() {
    return all(await client.messages.create(order({ stream: true })));
  },
  async stream() {
    const stream = client.messages.stream(order({}));
    const texts = [];
    stream.on('text', (text) => texts.push(text));
    const events = await all(stream);
    return { events, texts, final: await stream.finalMessage(), text: await stream.finalText() };
  },
  async toolUse() {
    const asked = await create({ tools: [WEATHER] });
    const use = asked.content.at(-1);
    const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: use.id, content: '18 degrees' }] };
    const turn = { role: asked.role, content: asked.content };
    return [asked, await create({ tools: [WEATHER], messages: [...HELLO, turn, result] })];
  },
  async toolUseStreamed() {
    const stream = client.messages.stream(order({ tools: [WEATHER] }));
    const partial = [];
    stream.on('inputJson', (delta) => partial.push(delta));
    return { final: await stream.finalMessage(), partial };
  },
  async toolRunner() {
    const run = ({ place, days }) => `18 degrees in ${place}, for ${days} days`;
    const tool = betaTool({ name: 'get_weather', description: 'The weather', inputSchema: SCHEMA, run });
    return all(client.beta.messages.toolRunner(order({ tools: [tool] })));
  },
  imageByUrl: () => create({ messages: about(image({ type: 'url', url: 'https://example.com/a.png' })) }),
  imageByFile: () => create({ messages: about(image({ type: 'file', file_id: 'file_011CNha8iC' })) }),
  photograph: () => create({ messages: about(photograph()) }),
  pdf: () => create({ messages: about(paper()) }),
  book: () => create({ messages: about({ type: 'text', text: readFileSync(book, 'utf8') }) }),
  async everythingStreamed() {
    const blocks = [photograph(), paper(), { type: 'text', text: readFileSync(book, 'utf8') }];
    return client.messages.stream(order({ messages: about(...blocks) })).finalMessage();
  },
  async thinking() {
    const how = { model: 'claude-sonnet-5-5', max_tokens: 2000, thinking: { type: 'adaptive', display: 'summarized' } };
    const first = await create(how);
    const turns = [...HELLO, { role: 'assistant', content: first.content }, { role: 'user', content: 'And tomorrow?' }];
    return [first, await create({ ...how, messages: turns })];
  },
  async thinkingStreamed() {
    const how = { max_tokens: 2000, thinking: { type: 'adaptive', display: 'summarized' } };
    return all(client.messages.stream(order(how)));
  },
  async caching() {
    const text = 'The sea is wide, and the tide comes twice a day. '.repeat(200);
    const found = [];
    for (const ttl of ['5m', '1h']) {
      const system = [{ type: 'text', text: `${ttl} ${text}`, cache_control: { type: 'ephemeral', ttl } }];
      for (const _ of [1, 2]) found.push((await create({ system })).usage);
    }
    return found;
  },
  async countTokens() {
    return [
      await client.messages.countTokens({ model: SONNET, messages: HELLO }),
      await client.messages.countTokens({ model: SONNET, messages: about(photograph(), paper()), tools: [WEATHER] }),
    ];
  },
  async models() {
    return [await all(client.models.list({ limit: 4 })), await client.models.retrieve(HAIKU)];
  },
  async structured() {
    const parsed = await client.messages.parse(order({ output_config: { format: jsonSchemaOutputFormat(SCHEMA) } }));
    return [parsed, parsed.parsed_output];
  },
  beta: () => client.beta.messages.create(order({ betas: ['tide-2026-11-22', 'interleaved-thinking-2025-05-14'] })),
  async raw() {
    const response = await client.messages.create(order({})).asResponse();
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  },
  async withResponse() {
    const { data, request_id } = await client.messages.create(order({})).withResponse();
    return { data, hasRequestId: Boolean(request_id) };
  },
  options: () => create({}, { timeout: 30000, headers: { 'x-app': 'tides' }, query: { beta: 'true' } }),
  unknownFields: () => create({ tidal_mode: { deep: [1, null] } }),
  refusal: () => create({}, { headers: { 'x-fake-refuse': 'after' } }),
  gzip: () => create({}, { headers: { 'x-fake-gzip': 'true' } }),
  async gzipStreamed() {
    return all(await client.messages.create(order({ stream: true }), { headers: { 'x-fake-gzip': 'true' } }));
  },
  error400: () => failing('status=400'),
  error403: () => failing('status=403'),
  error404: () => failing('status=404'),
  error413: () => failing('status=413'),
  error429: () => failing('status=429'),
  error500: () => failing('status=500'),
  error529: () => failing('status=529'),
  async errorInStream() {
    const events = [];
    try {
      const stream = await client.messages.create(order({ stream: true }), fault('error_event=3; output_tokens=80'));
      for await (const event of stream) events.push(event.type);
    } catch (error) {
      return { events, class: error.constructor.name, type: error.type ?? null };
    }
    return { events };
  },
  async abort() {
    const stream = await client.messages.create(order({ stream: true }), fault('stall=4; output_tokens=80'));
    for await (const event of stream) {
      if (event.type === 'content_block_delta') break;
    }
    return 'left';
  },
};

const found = {};
for (const [name, scenario] of Object.entries(SCENARIOS)) {
  try {
    found[name] = await scenario();
  } catch (error) {
    found[name] = { failed: `${error.constructor.name}: ${error.message}` };
  }
}
process.stdout.write(JSON.stringify(found));
