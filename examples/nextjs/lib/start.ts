import { complaints } from './settings';

/** Ends the process with one line for each setting that is missing or wrong. */
export function checkSettings(): void {
  const found = complaints();
  if (!found.length) return;
  for (const line of found) console.error(`settings: ${line}`);
  console.error('settings: .env.example says what belongs where; locally it goes into .env.local');
  process.exit(1);
}
