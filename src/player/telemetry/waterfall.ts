import type { Span } from './api';

/** A line of a trace's waterfall. */
export interface SpanRow {
  span: Span;
  /** How many ancestors it has in the trace. */
  depth: number;
  /** Share of the trace's length at which its bar begins, and how long the bar is. */
  from: number;
  length: number;
}

export interface Waterfall {
  start: number;
  end: number;
  /** Parents before their children, siblings in the order of their start. */
  rows: SpanRow[];
  /** In the order in which they first appear. */
  services: string[];
  /** Spans beyond the most that are shown. */
  leftOut: number;
}

/** More cannot be read as a list, and would make the page slow; Explore shows them. */
const MAX_ROWS = 1000;

export function waterfallOf(spans: Span[]): Waterfall {
  const start = spans.reduce((first, span) => Math.min(first, span.startMs), Infinity);
  const end = spans.reduce((last, span) => Math.max(last, span.startMs + span.durationMs), -Infinity);
  const length = Math.max(end - start, Number.EPSILON);
  const ordered = inTreeOrder(spans);
  return {
    start,
    end,
    rows: ordered.slice(0, MAX_ROWS).map(({ span, depth }) => ({
      span,
      depth,
      from: (span.startMs - start) / length,
      length: span.durationMs / length,
    })),
    services: [...new Set(ordered.map(({ span }) => span.service))],
    leftOut: Math.max(0, ordered.length - MAX_ROWS),
  };
}

/** The span that was running at an instant of whole milliseconds: of several, the one that began last. */
export function spanAt(spans: Span[], ts: number): Span | undefined {
  return spans
    .filter(({ startMs, durationMs }) => Math.floor(startMs) <= ts && ts <= startMs + durationMs)
    .reduce<Span | undefined>((last, span) => (last && last.startMs > span.startMs ? last : span), undefined);
}

/** Depth first. A span whose parent is not there is a root: the browser's own span often is not. */
function inTreeOrder(spans: Span[]): Array<{ span: Span; depth: number }> {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string, Span[]>();
  for (const span of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    const parent = ids.has(span.parentSpanId) && span.parentSpanId !== span.spanId ? span.parentSpanId : '';
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: Array<{ span: Span; depth: number }> = [];
  const waiting = (children.get('') ?? []).reverse().map((span) => ({ span, depth: 0 }));
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { span, depth } = next;
    rows.push(next);
    waiting.push(...(children.get(span.spanId) ?? []).reverse().map((child) => ({ span: child, depth: depth + 1 })));
    // A span id that comes twice must not bring its children twice, or a circle of them for ever.
    children.delete(span.spanId);
  }
  return rows;
}
