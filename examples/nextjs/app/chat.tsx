'use client';

import { type FormEvent, type KeyboardEvent, useEffect, useRef, useState } from 'react';
import { Answer, type Entry, writing } from './answer';
import { ask } from './ask';

const SDKS = [
  { path: '/api/chat', name: 'Anthropic SDK' },
  { path: '/api/chat-ai-sdk', name: 'AI SDK' },
];

export function Chat({ user }: { user: string }) {
  const [entries, setEntries] = useState<Entry[]>([]);
  const [path, setPath] = useState(SDKS[0].path);
  const [draft, setDraft] = useState('');
  const running = useRef<AbortController | null>(null);
  const scroll = useRef<HTMLElement>(null);
  const last = entries.at(-1);
  const busy = last?.state === 'writing';

  useEffect(() => () => running.current?.abort(), []);

  /** Asks the question, with everything that was said before it. */
  async function send(question: string, before: Entry[]) {
    const controller = (running.current = new AbortController());
    const show = (entry: Entry) => setEntries([...before, entry]);
    show(writing(question));
    scroll.current?.scrollTo({ top: 0 }); // the newest: this list grows from below
    for await (const entry of ask(path, question, before, controller.signal)) show(entry);
    running.current = null;
  }

  function submit(event?: FormEvent) {
    event?.preventDefault();
    const question = draft.trim();
    if (busy || question === '') return;
    setDraft('');
    void send(question, entries);
  }

  function submitOnEnter(event: KeyboardEvent) {
    if (event.key === 'Enter' && !event.shiftKey && !event.nativeEvent.isComposing) {
      event.preventDefault();
      submit();
    }
  }

  return (
    <div className="chat">
      <header>
        <h1>Tide chat</h1>
        <div className="switch" role="group" aria-label="Which SDK the server uses">
          {SDKS.map((sdk) => (
            <button key={sdk.path} aria-pressed={path === sdk.path} disabled={busy} onClick={() => setPath(sdk.path)}>
              {sdk.name}
            </button>
          ))}
        </div>
        <form method="post" action="/session">
          <button type="button" disabled={busy || entries.length === 0} onClick={() => setEntries([])}>
            New conversation
          </button>
          <span>{user}</span>
          <button type="submit">Sign out</button>
        </form>
      </header>
      <main ref={scroll} aria-live="polite" aria-busy={busy}>
        <div>
          {entries.length === 0 && <p className="welcome">Ask something, for example why there are two tides a day.</p>}
          {entries.map((entry, at) => (
            <Answer
              key={at}
              entry={entry}
              again={at === entries.length - 1 ? () => void send(entry.question, entries.slice(0, at)) : undefined}
            />
          ))}
        </div>
      </main>
      <form className="composer" onSubmit={submit}>
        <textarea
          aria-label="Your question"
          placeholder="Your question"
          rows={2}
          maxLength={8000}
          autoFocus
          value={draft}
          onChange={(event) => setDraft(event.target.value)}
          onKeyDown={submitOnEnter}
        />
        {busy ? (
          <button key="stop" type="button" className="stop" onClick={() => running.current?.abort()}>
            Stop
          </button>
        ) : (
          <button key="ask" type="submit" disabled={draft.trim() === ''}>
            Ask
          </button>
        )}
      </form>
    </div>
  );
}
