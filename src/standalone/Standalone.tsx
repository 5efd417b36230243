import React, { useEffect, useMemo, useState } from 'react';

import { css, injectGlobal } from '@emotion/css';
import { createTheme, type GrafanaTheme2, ThemeContext } from '@grafana/data';
import { IconButton, PortalContainer, useStyles2 } from '@grafana/ui';

import { createHttpSource, Player } from '../player';
import { createSessionsApi } from '../sessions/api';
import { readFilters, type SessionFilters, writeFilters } from '../sessions/filters';
import { Sessions } from '../sessions/Sessions';
import { apiUrl, readRoute, sessionHref } from './route';
import { telemetry } from './telemetry';
import { type ColorMode, useColorMode } from './useColorMode';

/** Sessions and their player on a plain page, where there is no Grafana. */
export function Standalone() {
  const { mode, toggle } = useColorMode();
  const theme = useMemo(() => createTheme({ colors: { mode } }), [mode]);
  useEffect(() => setPageStyle(theme), [theme]);
  return (
    <ThemeContext.Provider value={theme}>
      <Page mode={mode} onToggleMode={toggle} />
      <PortalContainer />
    </ThemeContext.Provider>
  );
}

function Page({ mode, onToggleMode }: { mode: ColorMode; onToggleMode: () => void }) {
  const styles = useStyles2(getStyles);
  const route = useMemo(() => readRoute(window.location), []);
  const other = mode === 'dark' ? 'light' : 'dark';
  return (
    <div className={styles.page}>
      <header className={styles.header}>
        <a className={styles.brand} href="/">
          <img src="/img/logo.svg" alt="" width={24} height={24} />
          Playhead
        </a>
        {route.page === 'session' && (
          <nav className={styles.crumbs} aria-label="Breadcrumb">
            <a className={styles.link} href="/">
              Sessions
            </a>
            <h1 className={styles.crumb} aria-current="page">
              {route.sessionId}
            </h1>
          </nav>
        )}
        <IconButton
          className={styles.mode}
          name="palette"
          size="lg"
          tooltip={`Use ${other} colours`}
          onClick={onToggleMode}
        />
      </header>
      {route.page === 'session' ? <SessionPage sessionId={route.sessionId} at={route.at} /> : <SessionsPage />}
    </div>
  );
}

function SessionPage({ sessionId, at }: { sessionId: string; at: number | undefined }) {
  const styles = useStyles2(getStyles);
  const source = useMemo(() => createHttpSource(apiUrl), []);
  const linkTo = (timestamp: number) => window.location.origin + sessionHref(sessionId, timestamp);
  return (
    <main className={styles.player}>
      <Player source={source} sessionId={sessionId} at={at} telemetry={telemetry} linkTo={linkTo} />
    </main>
  );
}

function SessionsPage() {
  const styles = useStyles2(getStyles);
  const list = useMemo(() => createSessionsApi(apiUrl, (input, init) => fetch(input, init)), []);
  const { filters, change } = useFilters();
  return (
    <main className={styles.sessions}>
      <h1 className={styles.title}>Sessions</h1>
      <Sessions
        list={list}
        filters={filters}
        onFiltersChange={change}
        hrefOf={(session) => sessionHref(session.sessionId)}
      />
    </main>
  );
}

/** The filters are in the address, so that they can be shared and the back button works. */
function useFilters() {
  const [filters, setFilters] = useState(currentFilters);
  useEffect(() => {
    const follow = () => setFilters(currentFilters());
    window.addEventListener('popstate', follow);
    return () => window.removeEventListener('popstate', follow);
  }, []);
  const change = (next: SessionFilters) => {
    const params = writeFilters(new URLSearchParams(window.location.search), next).toString();
    window.history.pushState(null, '', params === '' ? window.location.pathname : `?${params}`);
    setFilters(next);
  };
  return { filters, change };
}

function currentFilters(): SessionFilters {
  return readFilters(new URLSearchParams(window.location.search));
}

/** What Grafana's own page would bring along. */
function setPageStyle(theme: GrafanaTheme2): void {
  document.documentElement.style.colorScheme = theme.isDark ? 'dark' : 'light';
  injectGlobal({
    '*, *::before, *::after': { boxSizing: 'border-box' },
    'html, body, #root': { height: '100%' },
    html: { fontSize: theme.typography.htmlFontSize },
    body: {
      margin: 0,
      background: theme.colors.background.canvas,
      color: theme.colors.text.primary,
      fontFamily: theme.typography.fontFamily,
      fontSize: theme.typography.body.fontSize,
      lineHeight: theme.typography.body.lineHeight,
    },
    'button, input, select, textarea': { font: 'inherit', lineHeight: 'inherit', margin: 0 },
    label: { display: 'inline-block' },
    table: { borderCollapse: 'collapse' },
    'h1, h2, h3, p': { margin: 0 },
    a: { color: 'inherit', textDecoration: 'none' },
  });
}

const getStyles = (theme: GrafanaTheme2) => ({
  page: css({ display: 'flex', flexDirection: 'column', height: '100%' }),
  header: css({
    flex: 'none',
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(2),
    height: 48,
    padding: theme.spacing(0, 2),
    borderBottom: `1px solid ${theme.colors.border.weak}`,
    background: theme.colors.background.primary,
  }),
  brand: css({
    display: 'flex',
    alignItems: 'center',
    gap: theme.spacing(1),
    fontSize: theme.typography.h5.fontSize,
    fontWeight: theme.typography.fontWeightMedium,
  }),
  crumbs: css({ display: 'flex', alignItems: 'center', gap: theme.spacing(1), minWidth: 0 }),
  link: css({
    color: theme.colors.text.secondary,
    '&:hover': { color: theme.colors.text.primary, textDecoration: 'underline' },
    '&::after': { content: '"/"', marginLeft: theme.spacing(1), color: theme.colors.text.disabled },
  }),
  crumb: css({
    fontSize: 'inherit',
    fontWeight: 'inherit',
    overflow: 'hidden',
    textOverflow: 'ellipsis',
    whiteSpace: 'nowrap',
  }),
  mode: css({ marginLeft: 'auto' }),
  player: css({ flex: 1, minHeight: 0, padding: theme.spacing(1) }),
  sessions: css({
    flex: 1,
    minHeight: 0,
    overflow: 'auto',
    padding: theme.spacing(3),
    background: theme.colors.background.primary,
  }),
  title: css({ marginBottom: theme.spacing(2), fontSize: theme.typography.h2.fontSize }),
});
