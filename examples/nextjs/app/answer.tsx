'use client';

import { useEffect, useState } from 'react';
import type { Friendly } from '@/lib/wire';

/** A question and what came of it. */
export interface Entry {
  question: string;
  text: string;
  state: 'writing' | 'whole' | 'stopped' | 'failed';
  note: string | null;
  reference: string | null;
  failure: Friendly | null;
}

export function writing(question: string): Entry {
  return { question, text: '', state: 'writing', note: null, reference: null, failure: null };
}

interface Props {
  entry: Entry;
  /** Asks the same question again. */
  again?: () => void;
}

export function Answer({ entry, again }: Props) {
  const { question, text, state, note, reference, failure } = entry;
  return (
    <article className={state}>
      <p className="question">{question}</p>
      {(text !== '' || state === 'writing') && <p className="text">{text}</p>}
      {state === 'stopped' && <p className="note">You stopped this answer.</p>}
      {note !== null && (
        <p className="note">
          {note} <Reference id={reference} />
        </p>
      )}
      {failure !== null && (
        <div className="failure" role="alert">
          <p>{failure.message}</p>
          <Reference id={failure.reference} />
          {again && <Again key={failure.reference} wait={failure.retryAfter ?? 0} again={again} />}
        </div>
      )}
    </article>
  );
}

function Reference({ id }: { id: string | null }) {
  if (!id) return null;
  return (
    <small>
      Reference: <code>{id}</code>
    </small>
  );
}

/** Opens when another try can succeed. */
function Again({ wait, again }: { wait: number; again: () => void }) {
  const [left, setLeft] = useState(wait);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return (
    <button type="button" disabled={left > 0} onClick={again}>
      {left > 0 ? `Try again in ${span(left)}` : 'Try again'}
    </button>
  );
}

function span(seconds: number): string {
  return seconds < 120 ? `${seconds} s` : seconds < 7200 ? `${Math.ceil(seconds / 60)} min` : `${Math.ceil(seconds / 3600)} h`;
}
