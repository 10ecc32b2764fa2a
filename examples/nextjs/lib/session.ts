// Who is asking: a name in a signed cookie.  This stands in for your own sign-in; all that the rest of the application
// needs of it is currentUser().  Limits are worth as much as this is: whoever can pick a new name gets a new limit.
import 'server-only';
import { createHmac, timingSafeEqual } from 'node:crypto';
import { cookies } from 'next/headers';
import { settings } from './settings';

const COOKIE = 'session';
const DAYS = 7;

/** What the gateway keeps as it is, as a user's name; take ids that mean something to your own system only. */
const NAME = /^[A-Za-z0-9._@-]{1,64}$/;

/** The user's id, or null when nobody is signed in. */
export async function currentUser(): Promise<string | null> {
  const [name, ends, seal] = (await cookies()).get(COOKIE)?.value.split('|') ?? [];
  if (!name || !ends || !seal || !same(seal, sealed(name, ends))) return null;
  return Number(ends) > Date.now() ? name : null;
}

/** False when the name cannot be one. */
export async function signIn(name: string, secure: boolean): Promise<boolean> {
  if (!NAME.test(name)) return false;
  const ends = String(Date.now() + DAYS * 86_400_000);
  const options = { httpOnly: true, sameSite: 'lax', secure, path: '/', maxAge: DAYS * 86_400 } as const;
  (await cookies()).set(COOKIE, [name, ends, sealed(name, ends)].join('|'), options);
  return true;
}

export async function signOut(): Promise<void> {
  (await cookies()).delete(COOKIE);
}

function sealed(name: string, ends: string): string {
  return createHmac('sha256', settings().sessionSecret).update(`${name}|${ends}`).digest('base64url');
}

function same(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
