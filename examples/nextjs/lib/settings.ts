// What the server knows and the browser must not.  Read while serving, so that a build needs no secret and keeps none.
import 'server-only';

export const MODEL = 'claude-haiku-4-5';

/** Tight on purpose: before it sends a question, the gateway sets aside the price of the longest answer. */
export const MAX_TOKENS = 512;

export const SYSTEM = 'You are a friendly assistant. Answer in plain text, in a few sentences.';

const TIMEOUT_SECONDS = 120;

export interface Settings {
  /** The gateway's address, without a slash at its end. */
  gateway: string;
  /** An app key of the gateway; the key of the Claude API stays there. */
  key: string;
  sessionSecret: string;
  timeoutSeconds: number;
}

export function settings(): Settings {
  const env = process.env;
  return {
    gateway: new URL(env.ANTHROPIC_BASE_URL ?? '').origin,
    key: env.ANTHROPIC_API_KEY ?? '',
    sessionSecret: env.SESSION_SECRET ?? '',
    timeoutSeconds: Number(env.CHAT_TIMEOUT_SECONDS || TIMEOUT_SECONDS),
  };
}

/** What is missing or wrong in the environment, a line each, without its values. */
export function complaints(env: NodeJS.ProcessEnv = process.env): string[] {
  const found = [
    aboutAddress(env.ANTHROPIC_BASE_URL),
    aboutKey(env.ANTHROPIC_API_KEY),
    (env.SESSION_SECRET ?? '').length < 32 && 'SESSION_SECRET needs at least 32 characters: openssl rand -hex 32',
    !(Number(env.CHAT_TIMEOUT_SECONDS || 1) > 0) && 'CHAT_TIMEOUT_SECONDS must be a number of seconds, such as 120',
  ];
  return found.filter((line) => typeof line === 'string');
}

function aboutAddress(text: string | undefined): string | null {
  const name = 'ANTHROPIC_BASE_URL';
  if (!text) return `${name} is missing: the gateway's address, such as http://127.0.0.1:8787`;
  if (!URL.canParse(text) || !/^https?:\/\//.test(text)) return `${name} must begin with http:// or https://`;
  const { hostname, pathname } = new URL(text);
  if (hostname.endsWith('anthropic.com')) return `${name} is the Claude API itself; it must be the gateway`;
  if (pathname !== '/') return `${name} must have no path; the code puts in /v1 where an SDK needs it`;
  return null;
}

function aboutKey(text: string | undefined): string | null {
  const name = 'ANTHROPIC_API_KEY';
  if (!text) return `${name} is missing: an app key, from: tidegate keys create --app chat`;
  if (!text.startsWith('tg_')) return `${name} is no app key of a gateway (tg_…): is another key set in this shell?`;
  return null;
}
