// The part of both routes that has nothing to do with an SDK: who asks, what, how the answer travels to the browser, and
// what a person sees when it does not come.  A failure is one line in the log, without content.
import 'server-only';
import { Failure, friendly, newReference } from './friendly';
import { type Message, readQuestion } from './question';
import { currentUser } from './session';
import { settings } from './settings';
import type { Friendly, Line } from './wire';

export interface Call {
  messages: Message[];
  /** False: the answer as one JSON document. */
  stream: boolean;
  /** Who asks and what for: for the gateway's limits, budgets and records. */
  headers: Record<string, string>;
  /** Aborted when the browser has left, and when the answer takes too long. */
  signal: AbortSignal;
  /** The id of the reply, to be put in as soon as it is known. */
  requestId: string | null;
}

/** Why an answer ended. */
export type Stop = 'end' | 'length' | 'declined';

/** Gives the text piece by piece and at last why it ended; throws whatever its SDK throws. */
export type Ask = (call: Call) => AsyncGenerator<string, Stop>;

type Step = IteratorResult<string, Stop>;

const NOTES: Record<Stop, string | null> = {
  end: null,
  length: 'The answer was cut short because it became too long. You can ask for the rest.',
  declined: 'The assistant declined to answer this. Please put it differently.',
};
const NOTHING = 'The assistant gave no answer. Please put it differently.';

export async function answer(request: Request, route: string, ask: Ask): Promise<Response> {
  const late = AbortSignal.timeout(settings().timeoutSeconds * 1000);
  let call: Call | null = null;
  const explain = (error: unknown): Friendly => {
    const { reason, ...shown } = friendly(late.aborted ? new Failure('timeout') : error, call?.requestId);
    if (!request.signal.aborted) report({ route, reason, status: shown.status, reference: shown.reference });
    return shown;
  };
  try {
    call = await readCall(request, route, AbortSignal.any([request.signal, late]));
    const pieces = ask(call);
    // To wait for the first piece costs nothing, and gives a refusal an HTTP status of its own.
    const first = await pieces.next();
    const reference = (call.requestId ??= newReference());
    if (!call.stream) return document(await whole(first, pieces, reference));
    return stream(lines(first, pieces, reference, explain), reference);
  } catch (error) {
    const shown = explain(error);
    return document(shown, shown.status, shown.retryAfter ? { 'retry-after': String(shown.retryAfter) } : {});
  }
}

async function readCall(request: Request, route: string, signal: AbortSignal): Promise<Call> {
  const user = await currentUser();
  if (user === null) throw new Failure('signed_out');
  const headers = { 'x-tidegate-user': user, 'x-tidegate-route': route };
  return { ...(await readQuestion(request)), headers, signal, requestId: null };
}

async function whole(first: Step, pieces: AsyncGenerator<string, Stop>, reference: string) {
  let text = '';
  let step = first;
  for (; !step.done; step = await pieces.next()) text += step.value;
  return { text, note: noteOf(step.value, text === ''), reference };
}

async function* lines(
  first: Step,
  pieces: AsyncGenerator<string, Stop>,
  reference: string,
  explain: (error: unknown) => Friendly,
): AsyncGenerator<Line> {
  try {
    let [step, empty] = [first, true];
    for (; !step.done; step = await pieces.next()) {
      if (step.value === '') continue;
      empty = false;
      yield { type: 'text', text: step.value };
    }
    yield { type: 'done', note: noteOf(step.value, empty), reference };
  } catch (error) {
    yield { type: 'error', error: explain(error) };
  }
}

function noteOf(stop: Stop, empty: boolean): string | null {
  return NOTES[stop] ?? (empty ? NOTHING : null);
}

/** A piece is asked for when the browser has taken the last one. */
function stream(lines: AsyncGenerator<Line>, reference: string): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await lines.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify(value)}\n`));
    },
  });
  const headers = {
    'content-type': 'application/x-ndjson; charset=utf-8',
    // Neither Next.js nor a proxy may collect the pieces in order to compress them.
    'cache-control': 'no-store, no-transform',
    'x-accel-buffering': 'no',
    'x-reference': reference,
  };
  return new Response(body, { headers });
}

function document(value: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return Response.json(value, { status, headers: { 'cache-control': 'no-store', ...headers } });
}

function report(facts: Record<string, unknown>): void {
  console.error(JSON.stringify({ event: 'chat_failed', at: new Date().toISOString(), ...facts }));
}
