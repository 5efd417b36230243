/** The lines of an NDJSON body as they arrive, without empty ones. Stopping early cancels the body. */
export async function* readLines(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const reader = body.getReader();
  const splitter = new LineSplitter();
  let finished = false;
  try {
    while (!finished) {
      const { done, value } = await reader.read();
      finished = done;
      yield* done ? splitter.end() : splitter.push(value);
    }
  } finally {
    if (!finished) {
      await reader.cancel().catch(() => undefined); // The connection is gone already: nothing is left to cancel.
    }
  }
}

class LineSplitter {
  private readonly decoder = new TextDecoder();
  // Joined once per line: an event of several MB arrives in hundreds of pieces.
  private pieces: string[] = [];

  push(bytes: Uint8Array): string[] {
    const [first, ...rest] = this.decoder.decode(bytes, { stream: true }).split('\n');
    this.pieces.push(first);
    const lines: string[] = [];
    for (const piece of rest) {
      lines.push(...this.take());
      this.pieces.push(piece);
    }
    return lines;
  }

  end(): string[] {
    this.pieces.push(this.decoder.decode());
    return this.take();
  }

  private take(): string[] {
    const line = this.pieces.join('');
    this.pieces = [];
    return line === '' ? [] : [line];
  }
}
