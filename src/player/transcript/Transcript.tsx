import React, { useCallback, useEffect, useMemo, useRef, useState } from 'react';

import { cx } from '@emotion/css';
import { Icon, IconButton, Input, LoadingPlaceholder, useStyles2 } from '@grafana/ui';

import { ErrorNotice } from '../panes/ErrorNotice';
import { followLine, moveBetweenLines } from '../panes/lineKeys';
import { Notice } from '../panes/Notice';
import { getPaneStyles } from '../panes/panes.styles';
import { useCurrent } from '../panes/useCurrent';
import { useLoad } from '../panes/useLoad';
import type { RecordingSource, TranscriptLine } from '../playback/api';
import type { Playhead } from '../playback/Playhead';
import type { SessionTrace } from '../telemetry/sessionTraces';
import type { ChosenTrace } from '../telemetry/TracesPane';
import { testIds } from '../testIds';
import { formatOffset } from '../time';
import { matchingLines } from './matchingLines';
import { traceOf } from './traceOf';
import { getTranscriptStyles } from './Transcript.styles';

interface Props {
  source: RecordingSource;
  sessionId: string;
  /** The session's traces; a line names the one that it tells of by its first digits. */
  traces: SessionTrace[];
  /** Start of the session: offsets count from here. */
  start: number;
  playhead: Playhead;
  onSeek: (ts: number) => void;
  onOpenTrace: (trace: ChosenTrace) => void;
}

/** Lines that are rendered or left out together: of a long session only those around the visible part are there. */
const CHUNK = 50;
/** CSS pixels; what a line takes until its chunk has been measured. */
const LINE_HEIGHT = 27;

/** The session as lines to be read. It follows the playhead. */
export function Transcript({ source, sessionId, ...props }: Props) {
  const pane = useStyles2(getPaneStyles);
  const load = useCallback((signal: AbortSignal) => source.transcript(sessionId, signal), [source, sessionId]);
  const { state, retry } = useLoad(load);
  switch (state.status) {
    case 'loading':
      return <LoadingPlaceholder text="Reading the transcript…" className={pane.loading} />;
    case 'error':
      return <ErrorNotice title="The transcript could not be read" error={state.error} onRetry={retry} />;
    case 'ready':
      return <SearchableLines lines={state.value} {...props} />;
  }
}

interface SearchableLinesProps extends Omit<Props, 'source' | 'sessionId'> {
  lines: TranscriptLine[];
}

function SearchableLines({ lines, ...props }: SearchableLinesProps) {
  const pane = useStyles2(getPaneStyles);
  const [search, setSearch] = useState('');
  const shown = useMemo(() => matchingLines(lines, search), [lines, search]);
  const found = search.trim() !== '';

  return (
    <section className={pane.pane} aria-label="Transcript">
      <div className={pane.bar}>
        <Input
          prefix={<Icon name="search" />}
          suffix={found ? <span aria-live="polite">{shown.length}</span> : undefined}
          placeholder="Search transcript"
          aria-label="Search transcript"
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
      </div>
      {shown.length > 0 ? (
        <Lines key={search} lines={shown} search={search} {...props} />
      ) : (
        <Notice title={found ? 'No line has these words' : 'Nothing was noted in this session'}>
          {found && <p>Try fewer or other words.</p>}
        </Notice>
      )}
    </section>
  );
}

interface LinesProps extends SearchableLinesProps {
  search: string;
}

function Lines({ lines, search, traces, start, playhead, onSeek, onOpenTrace }: LinesProps) {
  const pane = useStyles2(getPaneStyles);
  const scroller = useRef<HTMLDivElement>(null);
  const current = useCurrent(lines, playhead);
  const chunks = useMemo(() => chunksOf(lines), [lines]);
  // Counts what came into view, so that a line can be scrolled to once it is there.
  const [appeared, setAppeared] = useState(0);

  useEffect(() => {
    const line = scroller.current?.querySelector<HTMLElement>(
      `[data-line="${current}"], [data-chunk="${Math.floor(current / CHUNK)}"]:empty`
    );
    if (scroller.current && line) {
      followLine(scroller.current, line);
    }
  }, [current, appeared]);

  return (
    // The keys move between buttons that have the focus.
    // eslint-disable-next-line jsx-a11y/no-static-element-interactions
    <div ref={scroller} className={pane.scroller} onKeyDown={moveBetweenLines} data-testid={testIds.transcript}>
      {chunks.map((chunk, index) => (
        <Chunk
          key={index}
          index={index}
          lines={chunk}
          onAppear={() => setAppeared((count) => count + 1)}
          renderLine={(line, position) => (
            <Line
              key={position}
              line={line}
              trace={traceOf(line, traces)}
              position={position}
              offset={formatOffset(line.ts - start)}
              isCurrent={position === current}
              search={search}
              onSeek={onSeek}
              onOpenTrace={onOpenTrace}
            />
          )}
        />
      ))}
    </div>
  );
}

interface ChunkProps {
  index: number;
  lines: TranscriptLine[];
  onAppear: () => void;
  renderLine: (line: TranscriptLine, position: number) => React.ReactNode;
}

function Chunk({ index, lines, onAppear, renderLine }: ChunkProps) {
  const pane = useStyles2(getPaneStyles);
  const list = useRef<HTMLOListElement>(null);
  const [height, setHeight] = useState(index > 0 ? lines.length * LINE_HEIGHT : undefined);
  const appear = useRef(onAppear);
  useEffect(() => {
    appear.current = onAppear;
  }, [onAppear]);

  useEffect(() => {
    const element = list.current;
    if (!element) {
      return;
    }
    const observer = new IntersectionObserver(
      ([{ isIntersecting }]) => {
        // What is left out keeps the height that it had.
        setHeight((known) => (isIntersecting ? undefined : (known ?? element.offsetHeight)));
        appear.current();
      },
      { root: element.parentElement, rootMargin: '400px 0px' }
    );
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  return (
    <ol ref={list} className={pane.list} style={{ height }} data-chunk={index} start={index * CHUNK + 1}>
      {height === undefined && lines.map((line, position) => renderLine(line, index * CHUNK + position))}
    </ol>
  );
}

interface LineProps extends Pick<Props, 'onSeek' | 'onOpenTrace'> {
  line: TranscriptLine;
  trace: ChosenTrace | undefined;
  position: number;
  offset: string;
  isCurrent: boolean;
  search: string;
}

function Line({ line, trace, position, offset, isCurrent, search, onSeek, onOpenTrace }: LineProps) {
  const pane = useStyles2(getPaneStyles);
  const styles = useStyles2(getTranscriptStyles);
  const { kind, level, text } = line;
  return (
    <li
      className={cx(pane.line, styles[level], kind === 'signal' && styles.signal, isCurrent && pane.current)}
      data-line={position}
      aria-current={isCurrent || undefined}
    >
      <button type="button" className={pane.seek} data-seek onClick={() => onSeek(line.ts)}>
        <span className={pane.time}>{offset}</span>
        <span className={pane.text}>
          {level !== 'info' && (
            <Icon
              name={level === 'error' ? 'exclamation-circle' : 'exclamation-triangle'}
              size="sm"
              className={styles.icon}
              title={level === 'error' ? 'Error' : 'Warning'}
            />
          )}
          <Marked text={text} search={search} />
        </span>
      </button>
      {trace && (
        <IconButton
          name="sitemap"
          size="sm"
          className={pane.action}
          tooltip="Show the trace"
          onClick={() => onOpenTrace(trace)}
        />
      )}
    </li>
  );
}

/** The text with the words that were searched for. */
function Marked({ text, search }: { text: string; search: string }) {
  const words = search.split(/\s+/).filter(Boolean);
  if (words.length === 0) {
    return <>{text}</>;
  }
  const escaped = words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  const parts = text.split(new RegExp(`(${escaped.join('|')})`, 'gi'));
  return <>{parts.map((part, index) => (index % 2 === 1 ? <mark key={index}>{part}</mark> : part))}</>;
}

function chunksOf(lines: TranscriptLine[]): TranscriptLine[][] {
  return Array.from({ length: Math.ceil(lines.length / CHUNK) }, (_, index) =>
    lines.slice(index * CHUNK, (index + 1) * CHUNK)
  );
}
