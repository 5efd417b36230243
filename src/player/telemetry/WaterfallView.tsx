import React, { useEffect, useMemo, useRef } from 'react';

import { cx } from '@emotion/css';
import { Icon, useStyles2, useTheme2 } from '@grafana/ui';

import { formatMs } from '../moments/describe';
import { moveBetweenLines } from '../panes/lineKeys';
import { getPaneStyles } from '../panes/panes.styles';
import type { Playhead } from '../playback/Playhead';
import type { Span } from './api';
import { getTelemetryStyles } from './telemetry.styles';
import { type SpanRow, type Waterfall, waterfallOf } from './waterfall';

interface Props {
  spans: Span[];
  /** The span whose attributes are shown; '' for none. */
  spanId: string;
  playhead: Playhead;
  onSpan: (span: Span) => void;
}

/** Names of colours that are told apart in both themes; services take them in turn. */
const SERVICE_COLORS = ['blue', 'purple', 'green', 'yellow', 'super-light-blue', 'super-light-purple', 'dark-green'];

/** A trace as bars on one time line, with the playhead in it. */
export function WaterfallView({ spans, spanId, playhead, onSpan }: Props) {
  const pane = useStyles2(getPaneStyles);
  const styles = useStyles2(getTelemetryStyles);
  const { visualization } = useTheme2();
  const waterfall = useMemo(() => waterfallOf(spans), [spans]);
  const { rows, services, leftOut, start, end } = waterfall;
  const colorOf = (service: string) =>
    visualization.getColorByName(SERVICE_COLORS[services.indexOf(service) % SERVICE_COLORS.length]);
  return (
    <>
      <p className={styles.summary}>
        {spans.length === 1 ? '1 span' : `${spans.length} spans`} in {formatMs(end - start)}
        {services.map((service) => (
          <span key={service} className={styles.service}>
            <span className={styles.dot} style={{ background: colorOf(service) }} />
            {service}
          </span>
        ))}
      </p>
      {/* The keys move between buttons that have the focus. */}
      {/* eslint-disable-next-line jsx-a11y/no-static-element-interactions */}
      <div className={styles.waterfall} onKeyDown={moveBetweenLines}>
        <ol className={pane.list} aria-label="Spans">
          {rows.map((row, index) => (
            <Row
              key={index}
              row={row}
              start={start}
              color={colorOf(row.span.service)}
              isChosen={spanId !== '' && row.span.spanId === spanId}
              onSpan={onSpan}
            />
          ))}
        </ol>
        <Needle waterfall={waterfall} playhead={playhead} />
      </div>
      {leftOut > 0 && <p className={pane.note}>{leftOut} more spans are not shown here.</p>}
    </>
  );
}

interface RowProps {
  row: SpanRow;
  start: number;
  color: string;
  isChosen: boolean;
  onSpan: (span: Span) => void;
}

function Row({ row, start, color, isChosen, onSpan }: RowProps) {
  const styles = useStyles2(getTelemetryStyles);
  const { span, depth, from, length } = row;
  const { name, service, durationMs, failed } = span;
  const label = `${service}: ${name}, ${formatMs(durationMs)}, ${formatMs(span.startMs - start)} after the start${failed ? ', failed' : ''}`;
  return (
    <li className={cx(styles.span, isChosen && styles.chosen)} aria-current={isChosen || undefined}>
      <button type="button" className={styles.row} data-seek aria-label={label} onClick={() => onSpan(span)}>
        <span className={styles.names} style={{ paddingLeft: 4 + Math.min(depth, 12) * 10 }}>
          {failed && <Icon name="exclamation-circle" size="sm" className={styles.failedIcon} title="Failed" />}
          <span className={styles.title}>{name}</span>
          <span className={styles.quiet}>{formatMs(durationMs)}</span>
        </span>
        <span className={styles.track}>
          <span
            className={styles.bar}
            style={{
              left: `min(${from * 100}%, 100% - 2px)`,
              width: `max(${Math.min(length, 1 - from) * 100}%, 2px)`,
              background: color,
            }}
          />
        </span>
      </button>
      {isChosen && <Details span={span} />}
    </li>
  );
}

function Details({ span }: { span: Span }) {
  const styles = useStyles2(getTelemetryStyles);
  const facts = Object.entries(span.attributes).sort(([a], [b]) => a.localeCompare(b));
  return (
    <dl className={styles.facts}>
      {span.message && <Fact name="status" value={span.message} />}
      <Fact name="service" value={span.service} />
      {facts.map(([name, value]) => (
        <Fact key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

/** Where the playhead is in the trace; moves without rendering, hidden outside of the trace. */
function Needle({ waterfall: { start, end }, playhead }: { waterfall: Waterfall; playhead: Playhead }) {
  const styles = useStyles2(getTelemetryStyles);
  const needle = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const place = () => {
      const share = (playhead.timestamp() - start) / Math.max(end - start, Number.EPSILON);
      if (needle.current) {
        // The playhead's milliseconds are whole, those of spans are not: a span's own start is not outside.
        needle.current.hidden = playhead.timestamp() + 1 < start || playhead.timestamp() > end;
        needle.current.style.left = `${Math.min(1, Math.max(0, share)) * 100}%`;
      }
    };
    place();
    return playhead.subscribe(place);
  }, [start, end, playhead]);
  return (
    <div className={styles.needleTrack}>
      <div ref={needle} className={styles.needle} />
    </div>
  );
}
