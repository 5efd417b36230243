import React, { useEffect, useMemo, useRef, useState } from 'react';

import { cx } from '@emotion/css';
import { Icon, IconButton, Input, useStyles2 } from '@grafana/ui';

import { useCurrent } from '../panes/useCurrent';
import type { Moment } from '../playback/api';
import type { Playhead } from '../playback/Playhead';
import { testIds } from '../testIds';
import { formatOffset } from '../time';
import {
  describeMoment,
  formatMs,
  groupOf,
  isFailedRequest,
  MOMENT_GROUPS,
  type MomentGroup,
  outcomeOf,
} from './describe';
import { getMomentListStyles, ROW_HEIGHT } from './MomentList.styles';
import { type Severity, severityOf } from './severity';

interface Props {
  moments: Moment[];
  /** Start of the session: offsets count from here. */
  start: number;
  playhead: Playhead;
  onSeek: (ts: number) => void;
  onOpenTrace: (moment: Moment) => void;
}

/** Rows rendered above and below what is seen, so that scrolling does not show blanks. */
const OVERSCAN = 8;

export function MomentList({ moments, start, playhead, onSeek, onOpenTrace }: Props) {
  const styles = useStyles2(getMomentListStyles);
  const [hidden, setHidden] = useState<ReadonlySet<MomentGroup>>(new Set());
  const [search, setSearch] = useState('');
  const counts = useMemo(() => countGroups(moments), [moments]);
  const rows = useMemo(() => filterMoments(moments, hidden, search), [moments, hidden, search]);

  return (
    <section className={styles.pane} aria-label="Moments">
      <div className={styles.filters}>
        <Input
          prefix={<Icon name="search" />}
          placeholder="Search moments"
          aria-label="Search moments"
          value={search}
          onChange={(event) => setSearch(event.currentTarget.value)}
        />
        <div className={styles.chips} role="group" aria-label="Kinds of moments">
          {MOMENT_GROUPS.map(({ group, label }) => (
            <button
              key={group}
              type="button"
              className={cx(styles.chip, hidden.has(group) && styles.chipOff)}
              aria-pressed={!hidden.has(group)}
              disabled={!counts.get(group)}
              onClick={() => setHidden(toggled(hidden, group))}
            >
              <span className={cx(styles.dot, styles[group])} />
              {label} <span className={styles.count}>{counts.get(group) ?? 0}</span>
            </button>
          ))}
        </div>
      </div>
      {rows.length > 0 ? (
        <Rows rows={rows} start={start} playhead={playhead} onSeek={onSeek} onOpenTrace={onOpenTrace} />
      ) : (
        <p className={styles.empty}>
          {moments.length === 0 ? 'Nothing was noted in this session.' : 'No moment matches.'}
        </p>
      )}
    </section>
  );
}

interface RowsProps extends Omit<Props, 'moments'> {
  rows: Moment[];
}

function Rows({ rows, start, playhead, onSeek, onOpenTrace }: RowsProps) {
  const styles = useStyles2(getMomentListStyles);
  const scroller = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  const current = useCurrent(rows, playhead);

  useEffect(() => {
    const element = scroller.current;
    if (!element) {
      return;
    }
    const measure = () => setView({ top: element.scrollTop, height: element.clientHeight });
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    element.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      element.removeEventListener('scroll', measure);
    };
  }, []);

  useEffect(() => {
    // A reader who looks around in the list is not pulled back.
    if (scroller.current && !scroller.current.matches(':hover, :focus-within')) {
      keepInView(scroller.current, current);
    }
  }, [current]);

  const first = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - OVERSCAN);
  const last = Math.min(rows.length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + OVERSCAN);

  return (
    <div className={styles.scroller} ref={scroller} data-testid={testIds.momentList}>
      <ul className={styles.rows} style={{ height: rows.length * ROW_HEIGHT }}>
        {rows.slice(first, last).map((moment, index) => (
          <MomentRow
            key={first + index}
            moment={moment}
            top={(first + index) * ROW_HEIGHT}
            offset={formatOffset(moment.ts - start)}
            isCurrent={first + index === current}
            onSeek={onSeek}
            onOpenTrace={onOpenTrace}
          />
        ))}
      </ul>
    </div>
  );
}

interface MomentRowProps extends Pick<Props, 'onSeek' | 'onOpenTrace'> {
  moment: Moment;
  top: number;
  offset: string;
  isCurrent: boolean;
}

function MomentRow({ moment, top, offset, isCurrent, onSeek, onOpenTrace }: MomentRowProps) {
  const styles = useStyles2(getMomentListStyles);
  const outcome = outcomeOf(moment);
  const failed = isFailedRequest(moment);
  const group = groupOf(moment);
  const severity = severityOf(moment);
  const description = describeMoment(moment);
  return (
    <li className={cx(styles.row, isCurrent && styles.current)} style={{ top }} aria-current={isCurrent || undefined}>
      <button type="button" className={styles.seek} onClick={() => onSeek(moment.ts)} title={description}>
        <span className={styles.time}>{offset}</span>
        <Mark group={group} severity={severity} />
        <span
          className={cx(styles.words, group === 'error' && styles.errorText, group === 'signal' && styles.signalText)}
        >
          {description}
        </span>
        {outcome && <span className={cx(styles.status, failed && styles.failed)}>{outcome}</span>}
        {moment.kind === 'request' && <span className={styles.duration}>{formatMs(moment.durationMs)}</span>}
      </button>
      {moment.traceId && (
        <IconButton
          className={styles.trace}
          name="sitemap"
          size="sm"
          tooltip="Show the trace"
          onClick={() => onOpenTrace(moment)}
        />
      )}
    </li>
  );
}

/** A dot in the group's colour; signals say how bad they are. */
function Mark({ group, severity }: { group: MomentGroup; severity: Severity }) {
  const styles = useStyles2(getMomentListStyles);
  if (group !== 'signal') {
    return <span className={cx(styles.dot, severity === 'error' ? styles.error : styles[group])} />;
  }
  const grave = severity === 'error';
  return (
    <Icon
      name={grave ? 'exclamation-circle' : 'exclamation-triangle'}
      size="sm"
      className={grave ? styles.graveIcon : styles.signalIcon}
      title={grave ? 'Error signal' : 'Warning signal'}
    />
  );
}

function keepInView(element: HTMLElement, row: number): void {
  const top = row * ROW_HEIGHT;
  if (row >= 0 && (top < element.scrollTop || top + ROW_HEIGHT > element.scrollTop + element.clientHeight)) {
    element.scrollTop = top - element.clientHeight / 3;
  }
}

export function filterMoments(moments: Moment[], hidden: ReadonlySet<MomentGroup>, search: string): Moment[] {
  const wanted = search.trim().toLowerCase();
  return moments.filter(
    (moment) => !hidden.has(groupOf(moment)) && (wanted === '' || searchable(moment).includes(wanted))
  );
}

function searchable(moment: Moment): string {
  return `${describeMoment(moment)} ${moment.url} ${moment.selector} ${moment.traceId}`.toLowerCase();
}

function countGroups(moments: Moment[]): Map<MomentGroup, number> {
  const counts = new Map<MomentGroup, number>();
  for (const moment of moments) {
    const group = groupOf(moment);
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return counts;
}

function toggled(groups: ReadonlySet<MomentGroup>, group: MomentGroup): ReadonlySet<MomentGroup> {
  const next = new Set(groups);
  if (!next.delete(group)) {
    next.add(group);
  }
  return next;
}
