import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';

export function getTranscriptStyles(theme: GrafanaTheme2) {
  return {
    info: css({}),
    warning: css({ '--severity': theme.colors.warning.text }),
    error: css({ '--severity': theme.colors.error.text }),
    icon: css({ marginRight: theme.spacing(0.5), verticalAlign: '-2px', color: 'var(--severity)' }),
    // What went wrong is what most readers look for.
    signal: css({ background: theme.colors.background.secondary, fontWeight: theme.typography.fontWeightMedium }),
  };
}
