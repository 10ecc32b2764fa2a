// Turns whatever an SDK throws into words for a person.  Where the gateway refused a call, or gave up on one, it has
// written such words already, in the operator's language: they are shown.  Everything else gets a sentence from here,
// because the text of an exception may quote the question.  With one SDK only, delete the other one's branches.
import 'server-only';
import { randomBytes } from 'node:crypto';
import { APIConnectionTimeoutError, APIError } from '@anthropic-ai/sdk';
import { AISDKError, APICallError, RetryError } from 'ai';
import type { Friendly } from './wire';

const KINDS = {
  unreachable: [503, 'The assistant cannot be reached at the moment. Please try again in a minute.'],
  timeout: [504, 'The answer took too long. Please try again, perhaps with a shorter question.'],
  cut: [502, 'The answer broke off before it was complete. Please try again.'],
  busy: [529, 'The assistant is very busy at the moment. Please try again in a minute.'],
  trouble: [502, 'The assistant had a problem with this request. Please try again in a moment.'],
  unavailable: [502, 'The assistant is not available at the moment. Please tell the people who run this service.'],
  not_understood: [400, 'This request could not be understood. Please start a new conversation.'],
  too_long: [413, 'This conversation is too long. Please start a new one.'],
  signed_out: [401, 'Please sign in first.'],
  unexpected: [500, 'Something went wrong here. Please try again in a moment.'],
} as const satisfies Record<string, readonly [number, string]>;

type Kind = keyof typeof KINDS;

/** The types of error events: they end a stream whose status was 200. */
const EVENTS: Record<string, Kind> = {
  overloaded_error: 'busy',
  rate_limit_error: 'busy',
  timeout_error: 'timeout',
  billing_error: 'unavailable',
};

/** Statuses that are about this server's own key, address or account, and not about the person who asks. */
const OURS = [401, 402, 403, 404, 405];

/** A failure that is known for what it is; SDKs do not throw in every case. */
export class Failure extends Error {
  constructor(readonly kind: Kind) {
    super(kind);
  }
}

export interface Told extends Friendly {
  /** For the log: the gateway's word for it, a status, or one of the kinds above. */
  reason: string;
}

/** `requestId` is that of the reply that broke off, where the error does not know it. */
export function friendly(error: unknown, requestId: string | null = null): Told {
  const thrown = RetryError.isInstance(error) ? error.lastError : error;
  const reply = replyOf(thrown);
  const told = reply && reply.status >= 400 ? ofReply(reply) : ofKind(kindOf(thrown));
  return { ...told, reference: labelled(reply?.header('request-id') ?? requestId) ?? newReference() };
}

/** An id of this server's own, for what never got one from the gateway. */
export function newReference(): string {
  return `web_${randomBytes(9).toString('base64url')}`;
}

interface Reply {
  status: number;
  header: (name: string) => string | null;
  /** Anthropic's error document, read as JSON. */
  body: unknown;
}

/** What both SDKs know of a reply, under one name each. */
function replyOf(error: unknown): Reply | null {
  if (error instanceof APIError && error.status) {
    return { status: error.status, header: (name) => error.headers?.get(name) ?? null, body: error.error };
  }
  if (APICallError.isInstance(error) && error.statusCode) {
    const { statusCode, responseHeaders, responseBody } = error;
    return { status: statusCode, header: (name) => responseHeaders?.[name] ?? null, body: parsed(responseBody) };
  }
  return null;
}

function ofReply(reply: Reply): Omit<Told, 'reference'> {
  const { status } = reply;
  const reason = labelled(reply.header('x-tidegate-reason')) ?? `status_${status}`;
  if (OURS.includes(status)) return { ...ofKind('unavailable'), reason };
  const { type, message } = errorOf(reply.body);
  const retryAfter = seconds(reply.header('retry-after'));
  if (isWrittenByTheGateway(reply) && message) return { status, message, retryAfter, reason };
  const kind = EVENTS[type] ?? (status === 413 ? 'too_long' : isRetried(status) ? 'trouble' : 'not_understood');
  return { ...ofKind(kind), status, retryAfter, reason };
}

/** Refusals, and errors of the Claude API after the gateway's retries.  All others pass it as they are. */
function isWrittenByTheGateway(reply: Reply): boolean {
  if (reply.header('x-tidegate-reason')) return true;
  return isRetried(reply.status) && reply.header('x-should-retry') === 'false';
}

function isRetried(status: number): boolean {
  return status >= 500 || [408, 409, 429].includes(status);
}

function ofKind(kind: Kind): Omit<Told, 'reference'> {
  const [status, message] = KINDS[kind];
  return { status, message, retryAfter: null, reason: kind };
}

/** For errors that come without an error status. */
function kindOf(error: unknown): Kind {
  if (error instanceof Failure) return error.kind;
  if (error instanceof APIConnectionTimeoutError) return 'timeout';
  if (error instanceof APIError) return error.type ? (EVENTS[error.type] ?? 'cut') : 'unreachable';
  if (APICallError.isInstance(error)) return error.statusCode ? 'cut' : 'unreachable';
  if (!(error instanceof Error)) return EVENTS[errorOf(error).type] ?? 'cut'; // the AI SDK's error events
  if (error.name === 'TimeoutError') return 'timeout';
  // A reply that could not be read, and a connection that was lost: fetch puts the reason into `cause`.
  if (AISDKError.isInstance(error) || error instanceof SyntaxError || error.cause) return 'cut';
  return 'unexpected';
}

/** `{"type":"error","error":{"type":…,"message":…}}`, or the inner part alone; texts that are not there are empty. */
function errorOf(body: unknown): { type: string; message: string } {
  const outer = (body ?? {}) as Record<string, unknown>;
  const { type, message } = (outer.error ?? outer) as Record<string, unknown>;
  return { type: typeof type === 'string' ? type : '', message: typeof message === 'string' ? message : '' };
}

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return null; // a proxy's page, for one
  }
}

/** `retry-after` is a number of seconds or a date; nobody waits in front of a page for more than a day. */
function seconds(text: string | null): number | null {
  const left = text === null ? NaN : /^\d+(\.\d+)?$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000;
  return left < 86_400 ? Math.max(1, Math.ceil(left)) : null;
}

/** Ids and reasons come from outside, too. */
function labelled(text: string | null): string | null {
  return text !== null && /^[A-Za-z0-9_-]{1,64}$/.test(text) ? text : null;
}
