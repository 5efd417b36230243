export type Compress = (body: Uint8Array<ArrayBuffer>) => Promise<Uint8Array<ArrayBuffer>>;

/** Undefined where the browser has no CompressionStream (before Chrome 80, Safari 16.4, Firefox 113). */
export function gzipOf(): Compress | undefined {
  if (typeof CompressionStream === 'undefined') {
    return undefined;
  }
  return async (body) => {
    const stream = new Blob([body]).stream().pipeThrough(new CompressionStream('gzip'));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };
}
