import React, { useMemo, useSyncExternalStore } from 'react';

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { Icon, RadioButtonGroup, useStyles2 } from '@grafana/ui';

import type { Manifest, RecordedWindow } from '../playback/api';
import type { Playhead } from '../playback/Playhead';
import type { Size } from '../replayer/Replay';
import { firstAfter } from '../timeline/inactivity';

interface Props {
  manifest: Manifest;
  playhead: Playhead;
  /** The window that is shown. */
  windowId: string;
  pinned: string | undefined;
  size: Size | undefined;
  onPin: (windowId: string | undefined) => void;
}

const FOLLOW = '';

/** Which page of which window is shown. */
export function AddressBar({ manifest, playhead, windowId, pinned, size, onPin }: Props) {
  const styles = useStyles2(getStyles);
  const url = useUrl(manifest, windowId, playhead);
  const { windows } = manifest;
  return (
    <div className={styles.bar}>
      {windows.length > 1 && (
        <RadioButtonGroup
          size="sm"
          aria-label="Window"
          options={windowOptions(windows, windowId, pinned)}
          value={pinned ?? FOLLOW}
          onChange={(chosen) => onPin(chosen === FOLLOW ? undefined : chosen)}
        />
      )}
      <span className={styles.url} title={url}>
        <Icon name="compass" size="sm" className={styles.icon} />
        <span className={styles.urlText}>{url || 'Unknown address'}</span>
      </span>
      {size && (
        <span className={styles.size}>
          {size.width} × {size.height}
        </span>
      )}
    </div>
  );
}

function useUrl(manifest: Manifest, windowId: string, playhead: Playhead): string {
  const pages = useMemo(
    () =>
      manifest.moments.filter(
        ({ kind, url, windowId: id }) =>
          (id === windowId || windowId === '') && url !== '' && (kind === 'page_load' || kind === 'navigation')
      ),
    [manifest, windowId]
  );
  const times = useMemo(() => pages.map((moment) => moment.ts), [pages]);
  const index = useSyncExternalStore(playhead.subscribe, () => firstAfter(times, playhead.timestamp()) - 1);
  return pages[Math.max(0, index)]?.url ?? '';
}

function windowOptions(windows: RecordedWindow[], shown: string, pinned: string | undefined) {
  const numbers = windows.map(({ windowId }, index) => ({
    value: windowId,
    label: `Window ${index + 1}`,
    description: `Show only window ${index + 1} of ${windows.length}`,
  }));
  const position = windows.findIndex(({ windowId }) => windowId === shown) + 1;
  const follow = pinned === undefined && position > 0 ? `Follow user (${position})` : 'Follow user';
  return [{ value: FOLLOW, label: follow, description: 'Show the window that the user looks at' }, ...numbers];
}

const getStyles = (theme: GrafanaTheme2) => ({
  bar: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    minHeight: 40,
    padding: theme.spacing(0.5, 1),
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    fontSize: theme.typography.bodySmall.fontSize,
    flexWrap: 'wrap',
  }),
  url: css({
    flex: '1 1 160px',
    minWidth: 0,
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(0.75),
    padding: theme.spacing(0.25, 1),
    borderRadius: theme.shape.radius.default,
    background: theme.colors.background.canvas,
  }),
  icon: css({ flex: 'none', color: theme.colors.text.secondary }),
  urlText: css({ overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }),
  size: css({ flex: 'none', color: theme.colors.text.secondary, fontVariantNumeric: 'tabular-nums' }),
});
