/** Next.js calls this once, when the server starts: what is missing is said now, not to the first user. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME === 'nodejs') (await import('./lib/start')).checkSettings();
}
