// Serves one request handler through the recipe of docs/correlate.md, which
// stands beside this file when the test runs it: the port is its argument.
import { createServer } from 'node:http';

import { trace } from '@opentelemetry/api';
import { logs } from '@opentelemetry/api-logs';

import { sessionMiddleware } from './playhead-session.mjs';

const log = logs.getLogger('work');

function work(response) {
  trace.getTracer('test').startActiveSpan('work', (span) => {
    log.emit({ body: 'working' });
    span.end();
    response.end('done');
  });
}

// As a handler that waits for something before it works.
createServer((request, response) => {
  sessionMiddleware(request, response, () => setImmediate(work, response));
}).listen(Number(process.argv[2]), '127.0.0.1');
