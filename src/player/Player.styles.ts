import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';

/** Up to this width, in CSS pixels, the panes are below the picture instead of beside it. */
export const NARROW_WIDTH = 760;

/** Below this height, in CSS pixels, the player shows the picture, one row of the timeline and the controls. */
export const LOW_HEIGHT = 480;

const NARROW = `@container (max-width: ${NARROW_WIDTH}px)`;

export function getPlayerStyles(theme: GrafanaTheme2) {
  return {
    player: css({
      // Everything inside arranges itself by the player's own width: it may be a panel in a narrow column.
      containerType: 'inline-size',
      display: 'flex',
      flexDirection: 'column',
      height: '100%',
      minHeight: 0,
      overflow: 'hidden',
      border: `1px solid ${theme.colors.border.weak}`,
      borderRadius: theme.shape.radius.default,
      background: theme.colors.background.primary,
      color: theme.colors.text.primary,
      '&:focus': { outline: 'none' },
      '&:fullscreen': { border: 0, borderRadius: 0 },
    }),
    body: css({
      flex: 1,
      minHeight: 0,
      display: 'flex',
      [NARROW]: { flexDirection: 'column' },
    }),
    main: css({ flex: 1, minWidth: 0, minHeight: 0, display: 'flex', flexDirection: 'column' }),
    side: css({
      flex: 'none',
      width: 'clamp(320px, 32%, 480px)',
      minHeight: 0,
      borderLeft: `1px solid ${theme.colors.border.weak}`,
      [NARROW]: {
        width: 'auto',
        height: '45%',
        borderLeft: 0,
        borderTop: `1px solid ${theme.colors.border.weak}`,
      },
    }),
    bottom: css({ flex: 'none', borderTop: `1px solid ${theme.colors.border.weak}` }),
    spoken: css({
      position: 'absolute',
      width: 1,
      height: 1,
      overflow: 'hidden',
      clipPath: 'inset(50%)',
      whiteSpace: 'nowrap',
    }),
  };
}
