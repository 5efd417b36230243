import React from 'react';

import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { Badge, useStyles2 } from '@grafana/ui';

import type { Session } from '../shared/session';
import { formatDuration } from '../shared/time';

interface Props {
  sessions: Session[];
  /** Address of the page that plays a session. */
  hrefOf: (session: Session) => string;
}

export function SessionsTable({ sessions, hrefOf }: Props) {
  const styles = useStyles2(getStyles);
  // Most installations have no proxy that tells it.
  const withCountry = sessions.some(({ country }) => country !== '');
  return (
    <div className={styles.scroll}>
      <table className={styles.table} aria-label="Sessions">
        <thead>
          <tr>
            <th scope="col">Start</th>
            <th scope="col" className={styles.number}>
              Duration
            </th>
            <th scope="col">User</th>
            {withCountry && <th scope="col">Country</th>}
            <th scope="col">First URL</th>
            {counts.map(({ label }) => (
              <th key={label} scope="col" className={styles.number}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <SessionRow key={session.sessionId} session={session} href={hrefOf(session)} withCountry={withCountry} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface Count {
  label: string;
  of: (session: Session) => number;
  /** Shown as a badge when above zero: something went wrong. */
  badge?: 'orange' | 'red';
}

const counts: Count[] = [
  { label: 'Pages', of: (session) => session.pages },
  { label: 'Clicks', of: (session) => session.clicks },
  { label: 'Requests', of: (session) => session.requests },
  { label: 'Failed', of: (session) => session.failedRequests, badge: 'orange' },
  { label: 'Errors', of: (session) => session.errors, badge: 'red' },
  {
    label: 'Signals',
    of: ({ signals }) => Object.values(signals).reduce((sum, count) => sum + count, 0),
    badge: 'orange',
  },
];

const inWords = (name: string) => name.replaceAll('_', ' ');

interface SessionRowProps {
  session: Session;
  href: string;
  withCountry: boolean;
}

function SessionRow({ session, href, withCountry }: SessionRowProps) {
  const styles = useStyles2(getStyles);
  const start = dateTimeFormat(session.start);
  return (
    <tr>
      <td className={styles.nowrap}>
        <a
          className={styles.link}
          href={href}
          // The link lies over the whole row: here a URL that was cut can be read, and what the signals are.
          title={[session.firstUrl, ...Object.keys(session.signals).map(inWords)].join(' · ')}
          aria-label={`Replay the session of ${session.userId || 'an unknown user'}, ${start}`}
        >
          {start}
        </a>
      </td>
      <td className={styles.number}>{formatDuration(session.durationMs)}</td>
      <td className={styles.cut}>{session.userId || <span className={styles.absent}>unknown</span>}</td>
      {withCountry && <td>{session.country || <span className={styles.absent}>unknown</span>}</td>}
      <td className={styles.cut}>{session.firstUrl}</td>
      {counts.map(({ label, of, badge }) => (
        <td key={label} className={styles.number}>
          {badge && of(session) > 0 ? <Badge color={badge} text={String(of(session))} /> : of(session)}
        </td>
      ))}
    </tr>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  scroll: css({ overflowX: 'auto' }),
  table: css({
    width: '100%',
    'th, td': { padding: theme.spacing(1), textAlign: 'left', borderBottom: `1px solid ${theme.colors.border.weak}` },
    th: { fontWeight: theme.typography.fontWeightMedium, whiteSpace: 'nowrap' },
    // The whole row opens the session: the link's box is stretched over it.
    'tbody tr': { position: 'relative' },
    'tbody tr:hover, tbody tr:focus-within': { background: theme.colors.action.hover },
  }),
  link: css({
    color: theme.colors.text.link,
    '&::after': { content: '""', position: 'absolute', inset: 0 },
  }),
  number: css({ '&&': { textAlign: 'right' }, fontVariantNumeric: 'tabular-nums', whiteSpace: 'nowrap' }),
  nowrap: css({ whiteSpace: 'nowrap' }),
  cut: css({ maxWidth: theme.spacing(40), overflow: 'hidden', textOverflow: 'ellipsis', whiteSpace: 'nowrap' }),
  absent: css({ color: theme.colors.text.secondary }),
});
