// What goes over the wire between this application's server and its own page: a JSON document a line.

/** What a person may be shown when a call failed. */
export interface Friendly {
  status: number;
  message: string;
  /** The id to ask for help with: it stands in the server's log, and in the gateway's where the gateway gave it. */
  reference: string;
  /** Seconds until another try can succeed; null when nothing says so. */
  retryAfter: number | null;
}

export type Line =
  | { type: 'text'; text: string }
  /** `note` says why the answer is not all that was hoped for. */
  | { type: 'done'; note: string | null; reference: string }
  | { type: 'error'; error: Friendly };

/** The lines of a body, each as soon as it is whole. */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<Line> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const lines = (rest + value).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield JSON.parse(line) as Line;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
