import React, { type KeyboardEvent, useId, useRef } from 'react';

import { css, cx } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

interface Props<Id extends string> {
  /** What the tabs are of. */
  label: string;
  tabs: ReadonlyArray<{ id: Id; label: string }>;
  chosen: Id;
  onChoose: (id: Id) => void;
  /** The chosen one's content. */
  children: React.ReactNode;
}

/** Tabs and what is behind the chosen one, with the keys of the ARIA tabs pattern. */
export function Tabs<Id extends string>({ label, tabs, chosen, onChoose, children }: Props<Id>) {
  const styles = useStyles2(getStyles);
  const prefix = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const from = tabs.findIndex(({ id }) => id === chosen);
    const to = neighbour(event.key, from, tabs.length);
    if (to !== undefined) {
      event.preventDefault();
      onChoose(tabs[to].id);
      list.current?.querySelectorAll('button')[to].focus();
    }
  };
  return (
    <div className={styles.tabs}>
      <div ref={list} className={styles.list} role="tablist" aria-label={label} tabIndex={-1} onKeyDown={move}>
        {tabs.map(({ id, label: text }) => (
          <button
            key={id}
            type="button"
            role="tab"
            id={`${prefix}-${id}`}
            aria-selected={id === chosen}
            aria-controls={`${prefix}-panel`}
            tabIndex={id === chosen ? 0 : -1}
            className={cx(styles.tab, id === chosen && styles.chosen)}
            onClick={() => onChoose(id)}
          >
            {text}
          </button>
        ))}
      </div>
      <div className={styles.panel} role="tabpanel" id={`${prefix}-panel`} aria-labelledby={`${prefix}-${chosen}`}>
        {children}
      </div>
    </div>
  );
}

function neighbour(key: string, from: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
      return (from + 1) % count;
    case 'ArrowLeft':
      return (from + count - 1) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}

const getStyles = (theme: GrafanaTheme2) => ({
  tabs: css({ display: 'flex', flexDirection: 'column', height: '100%', minHeight: 0 }),
  list: css({
    flex: 'none',
    display: 'flex',
    height: 40,
    padding: theme.spacing(0, 0.5),
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    overflowX: 'auto',
    scrollbarWidth: 'none',
  }),
  tab: css({
    position: 'relative',
    padding: theme.spacing(0, 1),
    border: 'none',
    background: 'none',
    color: theme.colors.text.secondary,
    fontSize: theme.typography.bodySmall.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
    whiteSpace: 'nowrap',
    cursor: 'pointer',
    '&:hover': { color: theme.colors.text.primary },
    '&:focus-visible': { outline: `2px solid ${theme.colors.primary.main}`, outlineOffset: -2 },
  }),
  chosen: css({
    color: theme.colors.text.primary,
    '&::after': {
      content: '""',
      position: 'absolute',
      left: theme.spacing(1),
      right: theme.spacing(1),
      bottom: 0,
      height: 2,
      background: theme.colors.gradients.brandHorizontal,
    },
  }),
  panel: css({ flex: 1, minHeight: 0 }),
});
