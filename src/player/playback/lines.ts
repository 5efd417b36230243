/** The lines of an NDJSON body as they arrive, without empty ones. Stopping early cancels the body. */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  // Pieces are joined once per line: an event of several MB arrives in hundreds of them.
  let pieces: string[] = [];
  let finished = false;
  try {
    while (!finished) {
      const { done, value } = await reader.read();
      finished = done;
      const text = done ? decoder.decode() : decoder.decode(value, { stream: true });
      let start = 0;
      for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
        pieces.push(text.slice(start, end));
        const line = pieces.join('');
        pieces = [];
        start = end + 1;
        if (line !== '') {
          yield line;
        }
      }
      pieces.push(text.slice(start));
    }
    const last = pieces.join('');
    if (last !== '') {
      yield last;
    }
  } finally {
    if (!finished) {
      await reader.cancel().catch(() => undefined); // The connection is gone already: nothing is left to cancel.
    }
  }
}
