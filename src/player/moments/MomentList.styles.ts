import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';

import { momentColors } from './colors';

/** Rows are placed by their number, so all are equally high. CSS pixels. */
export const ROW_HEIGHT = 32;

const QUIET = '--playhead-quiet';

export function getMomentListStyles(theme: GrafanaTheme2) {
  const colors = momentColors(theme);
  return {
    pane: css({ display: 'flex', flexDirection: 'column', minHeight: 0, height: '100%' }),
    filters: css({
      display: 'flex',
      flexDirection: 'column',
      gap: theme.spacing(1),
      padding: theme.spacing(1),
      borderBottom: `1px solid ${theme.colors.border.weak}`,
    }),
    chips: css({ display: 'flex', flexWrap: 'wrap', gap: theme.spacing(0.5) }),
    chip: css({
      display: 'inline-flex',
      alignItems: 'center',
      gap: theme.spacing(0.75),
      height: 24,
      padding: theme.spacing(0, 1),
      border: `1px solid ${theme.colors.border.medium}`,
      borderRadius: theme.shape.radius.pill,
      background: theme.colors.background.secondary,
      color: theme.colors.text.primary,
      fontSize: theme.typography.bodySmall.fontSize,
      cursor: 'pointer',
      '&:hover:not(:disabled)': { background: theme.colors.action.hover },
      '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: 1 },
      '&:disabled': { opacity: theme.colors.action.disabledOpacity, cursor: 'default' },
    }),
    chipOff: css({ background: 'transparent', color: theme.colors.text.disabled, textDecoration: 'line-through' }),
    count: css({ color: theme.colors.text.secondary, fontVariantNumeric: 'tabular-nums' }),
    dot: css({ flex: 'none', width: 8, height: 8, borderRadius: theme.shape.radius.circle }),
    navigation: css({ background: colors.navigation }),
    action: css({ background: colors.action }),
    request: css({ background: colors.request }),
    error: css({ background: colors.error }),
    text: css({ background: colors.text }),
    signal: css({ background: colors.signal }),
    other: css({ background: colors.other }),
    empty: css({ margin: 0, padding: theme.spacing(4, 2), textAlign: 'center', color: theme.colors.text.secondary }),
    scroller: css({ flex: 1, minHeight: 0, overflowY: 'auto' }),
    rows: css({ position: 'relative', margin: 0, padding: 0, listStyle: 'none' }),
    row: css({
      position: 'absolute',
      left: 0,
      right: 0,
      height: ROW_HEIGHT,
      display: 'flex',
      alignItems: 'center',
      borderLeft: '3px solid transparent',
      [QUIET]: theme.colors.text.secondary,
      paddingRight: theme.spacing(0.5),
      '&:hover': { background: theme.colors.action.hover },
    }),
    current: css({
      background: theme.colors.action.selected,
      borderLeftColor: theme.colors.primary.main,
      // Secondary text is too pale on this background.
      [QUIET]: theme.colors.text.primary,
    }),
    seek: css({
      flex: 1,
      minWidth: 0,
      height: '100%',
      display: 'flex',
      alignItems: 'center',
      gap: theme.spacing(1),
      padding: theme.spacing(0, 1),
      border: 'none',
      background: 'none',
      color: theme.colors.text.primary,
      fontSize: theme.typography.bodySmall.fontSize,
      textAlign: 'left',
      cursor: 'pointer',
      '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 },
    }),
    time: css({
      flex: 'none',
      minWidth: 44,
      textAlign: 'right',
      color: `var(${QUIET})`,
      fontVariantNumeric: 'tabular-nums',
    }),
    words: css({ flex: 1, minWidth: 0, overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }),
    errorText: css({ color: theme.colors.error.text }),
    signalText: css({ fontWeight: theme.typography.fontWeightMedium }),
    // As wide as a dot, so that all words begin at the same place.
    signalIcon: css({ flex: 'none', margin: theme.spacing(0, -0.25), color: theme.colors.warning.text }),
    graveIcon: css({ flex: 'none', margin: theme.spacing(0, -0.25), color: theme.colors.error.text }),
    status: css({
      flex: 'none',
      padding: theme.spacing(0, 0.5),
      borderRadius: theme.shape.radius.default,
      background: theme.colors.background.secondary,
      color: `var(${QUIET})`,
      fontVariantNumeric: 'tabular-nums',
    }),
    failed: css({
      background: 'none',
      boxShadow: `inset 0 0 0 1px ${theme.colors.error.border}`,
      color: theme.colors.error.text,
    }),
    duration: css({
      flex: 'none',
      minWidth: 48,
      textAlign: 'right',
      color: `var(${QUIET})`,
      fontVariantNumeric: 'tabular-nums',
    }),
    trace: css({ flex: 'none', margin: theme.spacing(0, 0.5) }),
  };
}
