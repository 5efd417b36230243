import React, { useEffect, useRef } from 'react';

import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { Button, ClipboardButton, IconButton, InlineSwitch, RadioButtonGroup, useStyles2 } from '@grafana/ui';

import { formatDuration } from '../../shared/time';
import type { Playhead } from '../playback/Playhead';
import type { Status } from '../playback/status';
import { SPEEDS } from './speeds';

interface Props {
  status: Status;
  wantsToPlay: boolean;
  playhead: Playhead;
  start: number;
  end: number;
  speed: number;
  skipsInactivity: boolean;
  showsPanes: boolean;
  isFullScreen: boolean;
  linkTo?: (timestamp: number) => string;
  onToggle: () => void;
  onSeekBy: (byMs: number) => void;
  onSpeed: (speed: number) => void;
  onSkipInactivity: (skips: boolean) => void;
  onShowPanes: () => void;
  onFullScreen: () => void;
}

const STEP_MS = 5_000;

export function Controls(props: Props) {
  const styles = useStyles2(getStyles);
  const { status, wantsToPlay, playhead, linkTo } = props;
  const isPlaying = status === 'playing' || wantsToPlay;
  return (
    <div className={styles.controls} role="group" aria-label="Playback">
      <Button
        variant="primary"
        icon={isPlaying ? 'pause' : 'play'}
        aria-label={isPlaying ? 'Pause' : 'Play'}
        tooltip={isPlaying ? 'Pause (space)' : 'Play (space)'}
        disabled={status === 'error'}
        onClick={props.onToggle}
      />
      <IconButton name="backward" size="lg" tooltip="Back 5 seconds (←)" onClick={() => props.onSeekBy(-STEP_MS)} />
      <IconButton name="forward" size="lg" tooltip="Forward 5 seconds (→)" onClick={() => props.onSeekBy(STEP_MS)} />
      <Times playhead={playhead} start={props.start} end={props.end} />
      <div className={styles.rest}>
        <RadioButtonGroup
          size="sm"
          aria-label="Speed"
          options={SPEEDS.map((value) => ({ value, label: `${value}×` }))}
          value={props.speed}
          onChange={props.onSpeed}
        />
        <InlineSwitch
          transparent
          showLabel
          label="Skip inactivity"
          value={props.skipsInactivity}
          onChange={(event) => props.onSkipInactivity(event.currentTarget.checked)}
        />
        {linkTo && (
          <ClipboardButton
            icon="link"
            size="sm"
            variant="secondary"
            fill="text"
            aria-label="Copy link to this instant"
            tooltip="Copy link to this instant"
            getText={() => linkTo(playhead.timestamp())}
          />
        )}
        <IconButton
          name="list-ul"
          size="lg"
          variant={props.showsPanes ? 'primary' : 'secondary'}
          aria-pressed={props.showsPanes}
          tooltip={props.showsPanes ? 'Hide moments, traces and logs' : 'Show moments, traces and logs'}
          onClick={props.onShowPanes}
        />
        <Button
          variant="secondary"
          fill="text"
          size="sm"
          aria-label={props.isFullScreen ? 'Leave full screen' : 'Full screen'}
          tooltip={props.isFullScreen ? 'Leave full screen (f)' : 'Full screen (f)'}
          onClick={props.onFullScreen}
        >
          <FullScreenIcon isOn={props.isFullScreen} />
        </Button>
      </div>
    </div>
  );
}

/** @grafana/ui has no such icon in all versions. */
function FullScreenIcon({ isOn }: { isOn: boolean }) {
  const corners = isOn ? 'M6 2v4H2M10 2v4h4M6 14v-4H2M10 14v-4h4' : 'M2 6V2h4M14 6V2h-4M2 10v4h4M14 10v4h-4';
  return (
    <svg width="16" height="16" viewBox="0 0 16 16" fill="none" stroke="currentColor" strokeWidth="1.6" aria-hidden>
      <path d={corners} />
    </svg>
  );
}

/** Writes the text itself: it changes several times a second. */
function Times({ playhead, start, end }: Pick<Props, 'playhead' | 'start' | 'end'>) {
  const styles = useStyles2(getStyles);
  const offset = useRef<HTMLSpanElement>(null);
  const clock = useRef<HTMLTimeElement>(null);
  useEffect(() => {
    const write = () => {
      const ts = playhead.timestamp();
      if (offset.current && clock.current && ts > 0) {
        offset.current.textContent = formatDuration(ts - start);
        clock.current.textContent = dateTimeFormat(ts, { format: 'YYYY-MM-DD HH:mm:ss' });
        clock.current.dateTime = new Date(ts).toISOString();
      }
    };
    write();
    return playhead.subscribe(write);
  }, [playhead, start]);
  return (
    <div className={styles.times}>
      <span>
        <span ref={offset} className={styles.offset}>
          0:00
        </span>
        <span className={styles.total}> / {formatDuration(end - start)}</span>
      </span>
      <time ref={clock} className={styles.clock} />
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  controls: css({
    display: 'flex',
    flexWrap: 'wrap',
    alignItems: 'center',
    gap: theme.spacing(1),
    padding: theme.spacing(1, 1.5),
    borderTop: `1px solid ${theme.colors.border.weak}`,
  }),
  times: css({
    display: 'flex',
    alignItems: 'baseline',
    gap: theme.spacing(1.5),
    marginLeft: theme.spacing(0.5),
    fontVariantNumeric: 'tabular-nums',
    whiteSpace: 'nowrap',
  }),
  offset: css({ fontWeight: theme.typography.fontWeightMedium }),
  total: css({ color: theme.colors.text.secondary }),
  clock: css({
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    '@container (max-width: 760px)': { display: 'none' },
  }),
  rest: css({ display: 'flex', flexWrap: 'wrap', alignItems: 'center', gap: theme.spacing(1), marginLeft: 'auto' }),
});
