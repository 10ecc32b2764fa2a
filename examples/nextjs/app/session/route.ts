// A sign-in without a password, so that the example runs alone: put your own in its place (see lib/session.ts).
import type { NextRequest } from 'next/server';
import { readText } from '@/lib/question';
import { signIn, signOut } from '@/lib/session';

/** A form with a `name` signs in, one without it signs out. */
export async function POST(request: NextRequest): Promise<Response> {
  const name = new URLSearchParams(await readText(request, 1_000).catch(() => 'name=')).get('name');
  if (name === null) await signOut();
  else if (!(await signIn(name.trim(), request.nextUrl.protocol === 'https:'))) return to('/?name=unfit');
  return to('/');
}

function to(place: string): Response {
  return new Response(null, { status: 303, headers: { location: place } });
}
