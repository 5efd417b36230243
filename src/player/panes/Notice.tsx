import React from 'react';

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

interface Props {
  title: string;
  /** What to do next. */
  children?: React.ReactNode;
  isError?: boolean;
}

/** Stands in a pane that has nothing to show. */
export function Notice({ title, children, isError = false }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.notice} role={isError ? 'alert' : undefined}>
      <p className={styles.title}>{title}</p>
      {children}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  notice: css({
    display: 'flex',
    flexDirection: 'column',
    alignItems: 'center',
    gap: theme.spacing(1),
    padding: theme.spacing(4, 2),
    textAlign: 'center',
    color: theme.colors.text.secondary,
    overflowWrap: 'anywhere',
    '& p': { margin: 0 },
  }),
  title: css({ color: theme.colors.text.primary, fontWeight: theme.typography.fontWeightMedium }),
});
