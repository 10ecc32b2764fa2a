// What a browser may ask, { messages: [{ role, content }], stream? }, in the sizes that a person needs.
import { Failure } from './friendly';

export interface Message {
  role: 'user' | 'assistant';
  content: string;
}

export interface Question {
  messages: Message[];
  stream: boolean;
}

const BYTES = 64_000;
const MESSAGES = 40;

/** The question; throws Failure when it is none, with nothing of it in the error. */
export async function readQuestion(request: Request): Promise<Question> {
  const question = parsed(await readText(request, BYTES));
  if (question === null) throw new Failure('not_understood');
  if (question.messages.length > MESSAGES) throw new Failure('too_long');
  return question;
}

/** The body; throws Failure where it is longer.  A route handler has no limit of its own. */
export async function readText(request: Request, bytes: number): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of request.body ?? []) {
    size += piece.byteLength;
    if (size > bytes) throw new Failure('too_long');
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function parsed(text: string): Question | null {
  try {
    const { messages, stream = true } = JSON.parse(text);
    if (typeof stream !== 'boolean' || !Array.isArray(messages) || !messages.every(isMessage)) return null;
    if (messages.at(-1)?.role !== 'user') return null;
    return { messages: messages.map(({ role, content }) => ({ role, content })), stream };
  } catch {
    return null;
  }
}

function isMessage(value: unknown): value is Message {
  if (typeof value !== 'object' || value === null) return false;
  const { role, content } = value as Record<string, unknown>;
  return (role === 'user' || role === 'assistant') && typeof content === 'string' && content.trim() !== '';
}
