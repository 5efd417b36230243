// Serves the built standalone page and, under /api/, the playback API from sessions made by recordings.mjs. It keeps
// what was asked for, so that a test can count it.
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';

const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
};

// What `playhead` sends with the page; a test that needs more must say why.
const PAGE_POLICY =
  "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; media-src data: blob:; frame-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'";

export async function startServer({ pageFolder, sessions, policy = PAGE_POLICY }) {
  const requests = [];
  const byId = new Map(sessions.map((session) => [session.sessionId, session]));
  const sockets = new Set();
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost');
    const entry = { path: url.pathname + url.search, bytes: 0 };
    requests.push(entry);
    if (url.pathname.startsWith('/api/')) {
      answerApi(byId, url, request, response, entry);
    } else {
      answerPage(pageFolder, url, response, policy);
    }
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    requests,
    byId,
    async close() {
      sockets.forEach((socket) => socket.destroy());
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function answerApi(byId, url, request, response, entry) {
  const match = /^\/api\/sessions(?:\/([^/]+)\/(manifest|segments|transcript|logs))?$/.exec(url.pathname);
  if (match && !match[1]) {
    return sendJson(response, entry, 200, {
      sessions: [...byId.values()].map(({ manifest }) => manifest.session),
      next: '',
    });
  }
  const trace = /^\/api\/traces\/(\w+)$/.exec(url.pathname);
  if (trace) {
    const spans = [...byId.values()].map((known) => known.traces?.[trace[1]]).find(Boolean) ?? [];
    return sendTelemetry(response, entry, { spans });
  }
  const session = match && byId.get(decodeURIComponent(match[1]));
  if (!session) {
    return sendJson(response, entry, 404, { title: 'Not found', status: 404 });
  }
  if (match[2] === 'manifest') {
    return sendJson(response, entry, 200, session.manifest);
  }
  if (match[2] === 'transcript') {
    const lines = session.manifest.moments.map((moment) => JSON.stringify(transcriptLine(moment)));
    entry.bytes = Buffer.byteLength(lines.join('\n'));
    return response.writeHead(200, { 'Content-Type': 'application/x-ndjson' }).end(lines.join('\n'));
  }
  if (match[2] === 'logs') {
    const [from, to] = ['from', 'to'].map((name) => Number(url.searchParams.get(name)));
    const lines = (session.logs ?? []).filter(({ ts }) => ts >= from && ts < to);
    return sendTelemetry(response, entry, session.noLogs ? undefined : { lines });
  }
  return sendSegments(session, url.searchParams, response, entry);
}

/** undefined: the store does not answer. */
function sendTelemetry(response, entry, body) {
  const problem = { title: 'Bad Gateway', detail: 'ClickHouse does not answer' };
  return sendJson(response, entry, body ? 200 : 502, body ?? problem);
}

function transcriptLine({ ts, kind, name, text, url, trace_id, span_id, status }) {
  const level = kind === 'signal' ? 'warning' : status >= 400 ? 'error' : 'info';
  return { ts, level, text: [kind, name, text || url, status || ''].join(' '), kind, name, url, trace_id, span_id };
}

function sendJson(response, entry, status, body) {
  const text = JSON.stringify(body);
  entry.bytes = Buffer.byteLength(text);
  response
    .writeHead(status, { 'Content-Type': status < 400 ? 'application/json' : 'application/problem+json' })
    .end(text);
}

/** `session.fault(seq)` may answer `cut` (the connection ends in the segment) or `corrupt` (one of its lines is no JSON). */
async function sendSegments(session, params, response, entry) {
  const window = session.windows.find(({ windowId }) => windowId === params.get('window'));
  const keyframe = window?.keyframes.find(({ afterSeq }) => String(afterSeq) === params.get('keyframe'));
  if (params.has('keyframe') && !keyframe) {
    sendJson(response, entry, 404, { title: 'Not found', status: 404 });
    return;
  }
  const from = keyframe ? keyframe.afterSeq + 1 : Number(params.get('from_seq'));
  const to = Number(params.get('to_seq'));
  response.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  const write = async (line) => {
    entry.bytes += Buffer.byteLength(line) + 1;
    if (!response.write(line + '\n')) {
      await new Promise((resolve) => response.once('drain', resolve));
    }
  };
  if (keyframe) {
    await sendKeyframe(window, keyframe, write);
  }
  for (const segment of window?.segments ?? []) {
    if (segment.seq < from || segment.seq > to || response.destroyed) {
      continue;
    }
    if (!(await sendSegment(session, window, segment, write))) {
      response.destroy();
      return;
    }
  }
  response.end();
}

/** false: the connection is cut in the middle of it. */
async function sendSegment(session, window, { seq, lines, unreadable }, write) {
  if (unreadable) {
    await write(JSON.stringify({ gap: { window_id: window.windowId, seq, cause: 'checksum does not match' } }));
    return true;
  }
  const head = {
    window_id: window.windowId,
    page_id: 'page-00000001',
    seq,
    events: lines.length,
    clock_offset_ms: window.clockOffsetMs,
  };
  await write(JSON.stringify({ segment: head }));
  const fault = session.fault?.(seq);
  for (const [index, line] of lines.entries()) {
    if (fault === 'cut' && index === Math.floor(lines.length / 2)) {
      return false;
    }
    await write(fault === 'corrupt' && index === lines.length - 1 ? line.slice(0, -1) : line);
  }
  return true;
}

async function sendKeyframe({ windowId, clockOffsetMs }, { afterSeq, lines, unreadable }, write) {
  const head = { window_id: windowId, page_id: 'page-00000001', after_seq: afterSeq };
  if (unreadable) {
    await write(JSON.stringify({ gap: { ...head, cause: 'unreadable' } }));
    return;
  }
  await write(JSON.stringify({ keyframe: { ...head, events: lines.length, clock_offset_ms: clockOffsetMs } }));
  for (const line of lines) {
    await write(line);
  }
}

async function answerPage(folder, url, response, policy) {
  const file = path.join(folder, path.normalize(url.pathname));
  const found = file.startsWith(folder) && (await stat(file).catch(() => undefined));
  const served = found?.isFile() ? file : path.join(folder, 'index.html');
  if (served !== file && path.extname(url.pathname)) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, {
    'Content-Type': TYPES[path.extname(served)] ?? 'application/octet-stream',
    'Content-Security-Policy': policy,
  });
  createReadStream(served).pipe(response);
}
