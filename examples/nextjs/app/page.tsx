import { currentUser } from '@/lib/session';
import { Chat } from './chat';

interface Props {
  searchParams: Promise<{ name?: string }>;
}

export default async function Page({ searchParams }: Props) {
  const user = await currentUser();
  if (user !== null) return <Chat user={user} />;
  const unfit = (await searchParams).name === 'unfit';
  return (
    <main className="sign-in">
      <h1>Tide chat</h1>
      <p>Each name has a limit and a budget of its own.</p>
      <form method="post" action="/session">
        <label htmlFor="name">Your name</label>
        <input id="name" name="name" required maxLength={64} pattern="[A-Za-z0-9._@\-]+" autoComplete="username" autoFocus />
        {unfit && <p role="alert">Letters, digits and . _ @ - only, please.</p>}
        <button type="submit">Start</button>
      </form>
    </main>
  );
}
