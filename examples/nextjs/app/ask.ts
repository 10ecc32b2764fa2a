import { type Friendly, readLines } from '@/lib/wire';
import { type Entry, writing } from './answer';

const NO_SERVER = 'This page cannot reach its server. Please check your connection and try again.';
const BROKE_OFF = 'The answer broke off before it was complete. Please try again.';

/** How many of the last questions go along with their answers; the server takes 40 messages. */
const MEMORY = 10;

/** Asks the server and gives the entry again and again as it grows.  Never throws: a failure is an entry, too. */
export async function* ask(
  path: string,
  question: string,
  before: Entry[],
  signal: AbortSignal,
): AsyncGenerator<Entry> {
  let entry = writing(question);
  try {
    const body = JSON.stringify({ messages: [...said(before), { role: 'user', content: question }] });
    const reply = await fetch(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body, signal });
    if (!reply.ok || !reply.body) {
      yield failed(entry, isFriendly(await reply.json()));
      return;
    }
    entry = { ...entry, reference: reply.headers.get('x-reference') };
    for await (const line of readLines(reply.body)) {
      if (line.type === 'text') entry = { ...entry, text: entry.text + line.text };
      else if (line.type === 'done') entry = { ...entry, state: 'whole', note: line.note };
      else entry = failed(entry, line.error);
      yield entry;
    }
    if (entry.state === 'writing') yield failed(entry, null);
  } catch {
    yield signal.aborted ? { ...entry, state: 'stopped' } : failed(entry, null);
  }
}

/** `failure` is null where the server could not even say that something failed. */
function failed(entry: Entry, failure: Friendly | null): Entry {
  const { reference } = entry;
  const message = reference ? BROKE_OFF : NO_SERVER;
  return { ...entry, state: 'failed', failure: failure ?? { status: 0, message, reference: reference ?? '', retryAfter: null } };
}

/** A proxy in between may answer in words of its own. */
function isFriendly(value: unknown): Friendly | null {
  const { message, reference } = (value ?? {}) as Partial<Friendly>;
  return typeof message === 'string' && typeof reference === 'string' ? (value as Friendly) : null;
}

/** The conversation so far, without answers of which nothing came. */
function said(entries: Entry[]) {
  return entries.slice(-MEMORY).flatMap(({ question, text }) => [
    { role: 'user', content: question },
    ...(text.trim() === '' ? [] : [{ role: 'assistant', content: text }]),
  ]);
}
