import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';

/** What the panes have in common: a bar on top, a list of lines that can be clicked below. */
export function getPaneStyles(theme: GrafanaTheme2) {
  return {
    pane: css({ display: 'flex', flexDirection: 'column', height: '100%', minHeight: 0 }),
    bar: css({
      flex: 'none',
      display: 'flex',
      alignItems: 'center',
      gap: theme.spacing(1),
      minHeight: 48,
      padding: theme.spacing(1),
      borderBottom: `1px solid ${theme.colors.border.weak}`,
      fontSize: theme.typography.bodySmall.fontSize,
    }),
    source: css({
      flex: 1,
      minWidth: 0,
      color: theme.colors.text.secondary,
      overflow: 'hidden',
      textOverflow: 'ellipsis',
      whiteSpace: 'nowrap',
    }),
    scroller: css({ position: 'relative', flex: 1, minHeight: 0, overflowY: 'auto' }),
    list: css({ margin: 0, padding: 0, listStyle: 'none' }),
    line: css({
      display: 'flex',
      alignItems: 'flex-start',
      borderLeft: '3px solid transparent',
      '&:hover': { background: theme.colors.action.hover },
    }),
    current: css({ background: theme.colors.action.selected, borderLeftColor: theme.colors.primary.main }),
    seek: css({
      flex: 1,
      minWidth: 0,
      display: 'flex',
      alignItems: 'baseline',
      gap: theme.spacing(1),
      padding: theme.spacing(0.5, 1),
      border: 'none',
      background: 'none',
      color: theme.colors.text.primary,
      fontSize: theme.typography.bodySmall.fontSize,
      lineHeight: 1.5,
      textAlign: 'left',
      cursor: 'pointer',
      '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 },
    }),
    time: css({
      flex: 'none',
      minWidth: 44,
      textAlign: 'right',
      color: theme.colors.text.secondary,
      fontVariantNumeric: 'tabular-nums',
    }),
    text: css({ flex: 1, minWidth: 0, overflowWrap: 'anywhere' }),
    action: css({ flex: 'none', margin: theme.spacing(0.75, 0.5, 0, 0) }),
    loading: css({ margin: theme.spacing(4, 0), textAlign: 'center' }),
    note: css({ margin: 0, padding: theme.spacing(1), color: theme.colors.text.secondary, textAlign: 'center' }),
  };
}
