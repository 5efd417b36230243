// jsdom, with what it lacks of a browser's fetch: the streams, signals and clones are Node's own.
const { TestEnvironment } = require('jest-environment-jsdom');

module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    Object.assign(this.global, { AbortController, AbortSignal, ReadableStream, Request, Response, structuredClone });
    // Arrays from outside would not be of the class that Node's streams and decoders know.
    Object.assign(this.global, { Uint8Array });
  }
};
