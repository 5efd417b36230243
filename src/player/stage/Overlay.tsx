import React, { useSyncExternalStore } from 'react';

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Button, Icon, Spinner, useStyles2 } from '@grafana/ui';

import { formatDuration } from '../../shared/time';
import type { Gap } from '../playback/api';
import type { Playhead } from '../playback/Playhead';
import type { PlayerState } from '../playback/status';
import { describeGap, gapAt } from '../timeline/lanes';

interface Props {
  state: PlayerState;
  playhead: Playhead;
  gaps: Gap[];
  onRetry: () => void;
  onReplay: () => void;
}

/** What there is to say about the picture, over the picture. */
export function Overlay({ state, playhead, gaps, onRetry, onReplay }: Props) {
  const styles = useStyles2(getStyles);
  const gap = useSyncExternalStore(playhead.subscribe, () => gapAt(gaps, playhead.timestamp()));
  return (
    <>
      <div className={styles.notices}>
        {gap && (
          <p className={styles.notice}>
            <Icon name="exclamation-triangle" className={styles.warning} /> {describeGap(gap)}. The picture may be
            incomplete.
          </p>
        )}
        {state.blocked && <BlockedNotice />}
        {state.skippedMs > 0 && (
          <p className={styles.notice}>
            <Icon name="forward" /> Skipped {formatDuration(state.skippedMs)} of inactivity
          </p>
        )}
      </div>
      {(state.status === 'loading' || state.status === 'buffering') && (
        <div className={styles.center}>
          <p className={styles.notice}>
            <Spinner inline /> {state.status === 'loading' ? 'Loading the recording…' : 'Loading…'}
          </p>
        </div>
      )}
      {state.status === 'ended' && (
        <div className={styles.center}>
          <Button icon="repeat" variant="secondary" onClick={onReplay}>
            Play again
          </Button>
        </div>
      )}
      {state.status === 'error' && (
        <div className={styles.error} role="alert">
          <Icon name="exclamation-circle" size="xxl" className={styles.warning} />
          <p className={styles.errorText}>{state.error}</p>
          {state.canRetry && (
            <Button variant="secondary" icon="sync" onClick={onRetry}>
              Try again
            </Button>
          )}
        </div>
      )}
    </>
  );
}

function BlockedNotice() {
  const styles = useStyles2(getStyles);
  const [dismissed, setDismissed] = React.useState(false);
  if (dismissed) {
    return null;
  }
  return (
    <p className={styles.notice}>
      <Icon name="info-circle" /> Images, fonts or styles of the recorded site are not shown: a replay makes no
      requests.
      <button type="button" className={styles.dismiss} aria-label="Dismiss" onClick={() => setDismissed(true)}>
        <Icon name="times" />
      </button>
    </p>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  notices: css({
    position: 'absolute',
    left: theme.spacing(1),
    right: theme.spacing(1),
    bottom: theme.spacing(1),
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'flex-start',
    gap: theme.spacing(0.5),
    pointerEvents: 'none',
  }),
  notice: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    margin: 0,
    maxWidth: '100%',
    padding: theme.spacing(0.5, 1),
    border: `1px solid ${theme.colors.border.weak}`,
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.primary,
    boxShadow: theme.shadows.z1,
    fontSize: theme.typography.bodySmall.fontSize,
    pointerEvents: 'auto',
  }),
  dismiss: css({
    display: 'inline-flex',
    padding: 2,
    border: 0,
    background: 'none',
    color: theme.colors.text.secondary,
    cursor: 'pointer',
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}` },
  }),
  warning: css({ flex: 'none', color: theme.colors.warning.text }),
  center: css({
    position: 'absolute',
    inset: 0,
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    pointerEvents: 'none',
    '& > button': { pointerEvents: 'auto', boxShadow: theme.shadows.z2 },
  }),
  error: css({
    position: 'absolute',
    inset: 0,
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    justifyContent: 'center',
    gap: theme.spacing(2),
    padding: theme.spacing(3),
    background: theme.colors.background.canvas,
    textAlign: 'center',
  }),
  errorText: css({ margin: 0, maxWidth: 480 }),
});
