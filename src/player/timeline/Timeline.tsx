import React, {
  type KeyboardEvent,
  type PointerEvent,
  useEffect,
  useMemo,
  useRef,
  useState,
  useSyncExternalStore,
} from 'react';

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2, useTheme2 } from '@grafana/ui';

import { formatDuration } from '../../shared/time';
import type { Gap, Manifest } from '../playback/api';
import type { Playhead } from '../playback/Playhead';
import { formatOffset } from '../time';
import { useElementSize } from '../useElementSize';
import {
  ACTIVITY_COLUMN,
  drawTimeline,
  FOLDED,
  LANE_HEIGHT,
  lanesHeight,
  type Rows,
  timelineHeight,
  UNFOLDED,
} from './draw';
import {
  activityOf,
  describeGap,
  describeTick,
  gapAt,
  LANES,
  type LaneId,
  nearestTick,
  positionOf,
  type Scale,
  type Tick,
  ticksOf,
  timeAt,
} from './lanes';

interface Props {
  manifest: Manifest;
  start: number;
  end: number;
  gaps: Gap[];
  playhead: Playhead;
  /** All lanes on one row. */
  folded: boolean;
  onSeek: (ts: number) => void;
}

interface Hover {
  x: number;
  ts: number;
  text: string;
}

/** How far from a tick, in CSS pixels, it still counts as pointed at. */
const REACH = 5;

/** The seek bar: lanes with what happened, to be clicked, dragged or moved along with the keyboard. */
export function Timeline({ manifest, start, end, gaps, playhead, folded, onSeek }: Props) {
  const rows = folded ? FOLDED : UNFOLDED;
  const styles = useStyles2(getStyles, rows);
  const theme = useTheme2();
  const canvas = useRef<HTMLCanvasElement>(null);
  const track = useRef<HTMLDivElement>(null);
  const width = Math.floor(useElementSize(track)?.width ?? 0);
  const [hover, setHover] = useState<Hover>();
  const scale = useMemo(() => ({ start, end, width }), [start, end, width]);
  const ticks = useMemo(() => allTicks(manifest, scale), [manifest, scale]);

  useEffect(() => {
    if (canvas.current && width > 0) {
      const activity = activityOf(manifest, scale, ACTIVITY_COLUMN);
      drawTimeline(canvas.current, { rows, scale, ticks, activity, gaps, theme });
    }
  }, [manifest, rows, scale, ticks, gaps, theme, width]);

  const pointAt = (event: PointerEvent) => {
    const box = event.currentTarget.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };
  const move = (event: PointerEvent<HTMLDivElement>) => {
    const { x, y } = pointAt(event);
    setHover(hoverAt(x, lanesAt(y, rows), scale, ticks, gaps));
    if (event.buttons === 1) {
      onSeek(timeAt(x, scale));
    }
  };
  const press = (event: PointerEvent<HTMLDivElement>) => {
    const { x, y } = pointAt(event);
    event.currentTarget.setPointerCapture(event.pointerId);
    onSeek(tickAt(x, lanesAt(y, rows), ticks)?.moments[0].ts ?? timeAt(x, scale));
  };

  return (
    <div className={styles.timeline}>
      {!folded && (
        <div className={styles.labels} aria-hidden>
          {LANES.map(({ id, label }) => (
            <span key={id} className={styles.label}>
              {label}
            </span>
          ))}
        </div>
      )}
      <Slider start={start} end={end} playhead={playhead} onSeek={onSeek} className={styles.track}>
        <div
          ref={track}
          className={styles.surface}
          onPointerMove={move}
          onPointerDown={press}
          onPointerLeave={() => setHover(undefined)}
        >
          <canvas ref={canvas} className={styles.canvas} />
          {hover && (
            <>
              <div className={styles.hoverLine} style={{ transform: `translateX(${hover.x}px)` }} />
              <div className={styles.tooltip} style={tooltipPlace(hover.x, width)}>
                <span className={styles.tooltipTime}>{formatOffset(hover.ts - start)}</span>
                {hover.text && <span className={styles.tooltipText}>{hover.text}</span>}
              </div>
            </>
          )}
          <Needle className={styles.needle} scale={scale} playhead={playhead} />
        </div>
      </Slider>
    </div>
  );
}

interface SliderProps extends Pick<Props, 'start' | 'end' | 'playhead' | 'onSeek'> {
  className: string;
  children: React.ReactNode;
}

function Slider({ start, end, playhead, onSeek, className, children }: SliderProps) {
  // Whole seconds: a screen reader is not told more, and nothing is rendered in between.
  const seconds = useSyncExternalStore(playhead.subscribe, () => Math.floor((playhead.timestamp() - start) / 1000));
  const jump = (event: KeyboardEvent) => {
    const target = event.key === 'Home' ? start : event.key === 'End' ? end : undefined;
    if (target !== undefined) {
      event.preventDefault();
      onSeek(target);
    }
  };
  return (
    <div
      className={className}
      role="slider"
      tabIndex={0}
      aria-label="Timeline"
      aria-valuemin={0}
      aria-valuemax={Math.ceil((end - start) / 1000)}
      aria-valuenow={Math.max(0, seconds)}
      aria-valuetext={`${formatDuration(seconds * 1000)} of ${formatDuration(end - start)}`}
      onKeyDown={jump}
    >
      {children}
    </div>
  );
}

/** Moves without rendering. */
function Needle({ className, scale, playhead }: { className: string; scale: Scale; playhead: Playhead }) {
  const needle = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const place = () => {
      if (needle.current) {
        const x = Math.min(scale.width, Math.max(0, positionOf(playhead.timestamp(), scale)));
        needle.current.style.transform = `translateX(${x}px)`;
      }
    };
    place();
    return playhead.subscribe(place);
  }, [scale, playhead]);
  return <div ref={needle} className={className} />;
}

function allTicks(manifest: Manifest, scale: Scale): Record<LaneId, Tick[]> {
  const { moments } = manifest;
  return {
    activity: [],
    navigation: ticksOf(moments, 'navigation', scale),
    action: ticksOf(moments, 'action', scale),
    request: ticksOf(moments, 'request', scale),
    error: ticksOf(moments, 'error', scale),
    signal: ticksOf(moments, 'signal', scale),
  };
}

const lanesAt = (y: number, rows: Rows): LaneId[] => rows[Math.floor(y / LANE_HEIGHT)] ?? [];

/** The tick pointed at; of several lanes on a row, the one drawn on top. */
function tickAt(x: number, lanes: LaneId[], ticks: Record<LaneId, Tick[]>): Tick | undefined {
  return lanes.flatMap((lane) => nearestTick(ticks[lane], x, REACH) ?? []).at(-1);
}

function hoverAt(x: number, lanes: LaneId[], scale: Scale, ticks: Record<LaneId, Tick[]>, gaps: Gap[]): Hover {
  const tick = tickAt(x, lanes, ticks);
  const ts = tick ? tick.moments[0].ts : timeAt(x, scale);
  const gap = gapAt(gaps, ts);
  const text = tick ? describeTick(tick) : gap ? describeGap(gap) : '';
  return { x: tick ? tick.x : Math.min(scale.width, Math.max(0, x)), ts, text };
}

/** Keeps the tooltip inside the timeline: it hangs on the pointer's left side in the right half. */
function tooltipPlace(x: number, width: number): React.CSSProperties {
  return x > width / 2 ? { right: width - x } : { left: x };
}

const getStyles = (theme: GrafanaTheme2, rows: Rows) => ({
  timeline: css({ display: 'flex', padding: theme.spacing(1, 1.5, 0.5), gap: theme.spacing(1), userSelect: 'none' }),
  labels: css({ flex: 'none', width: 56, '@container (max-width: 520px)': { display: 'none' } }),
  label: css({
    display: 'block',
    height: LANE_HEIGHT,
    lineHeight: `${LANE_HEIGHT}px`,
    fontSize: 11,
    color: theme.colors.text.secondary,
  }),
  track: css({
    flex: 1,
    minWidth: 0,
    borderRadius: theme.shape.radius.default,
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: 2 },
  }),
  surface: css({ position: 'relative', height: timelineHeight(rows), cursor: 'pointer', touchAction: 'none' }),
  canvas: css({ display: 'block', width: '100%', height: timelineHeight(rows) }),
  needle: css({
    position: 'absolute',
    top: -2,
    left: -1,
    width: 2,
    height: lanesHeight(rows) + 4,
    background: theme.colors.text.maxContrast,
    borderRadius: 1,
    pointerEvents: 'none',
    '&::before': {
      content: '""',
      position: 'absolute',
      top: -4,
      left: -4,
      width: 10,
      height: 10,
      borderRadius: theme.shape.radius.circle,
      background: theme.colors.text.maxContrast,
    },
  }),
  hoverLine: css({
    position: 'absolute',
    top: 0,
    left: 0,
    width: 1,
    height: lanesHeight(rows),
    background: theme.colors.border.strong,
    pointerEvents: 'none',
  }),
  tooltip: css({
    position: 'absolute',
    bottom: timelineHeight(rows) + 6,
    zIndex: theme.zIndex.tooltip,
    display: 'flex',
    gap: theme.spacing(1),
    width: 'max-content',
    maxWidth: 'min(420px, 60%)',
    padding: theme.spacing(0.5, 1),
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.elevated ?? theme.colors.background.secondary,
    boxShadow: theme.shadows.z2,
    fontSize: theme.typography.bodySmall.fontSize,
    pointerEvents: 'none',
  }),
  tooltipTime: css({ color: theme.colors.text.secondary, fontVariantNumeric: 'tabular-nums' }),
  // Signals are sentences: they wrap.
  tooltipText: css({ overflowWrap: 'anywhere' }),
});
