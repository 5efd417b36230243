import React from 'react';

import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { TextLink, useStyles2 } from '@grafana/ui';

import type { Session } from '../shared/session';
import { formatDuration } from '../shared/time';
import { sessionPath } from '../shared/addresses';

interface Props {
  session: Session;
  datasourceUid: string;
}

export function SessionDetails({ session, datasourceUid }: Props) {
  const styles = useStyles2(getStyles);
  return (
    <section aria-label="Details of the session">
      <dl className={styles.details}>
        {factsOf(session).map(([label, value]) => (
          <Detail key={label} label={label}>
            {value}
          </Detail>
        ))}
        {session.previousId && (
          <Detail label="Previous session">
            <TextLink href={sessionPath(session.previousId, datasourceUid)}>{session.previousId}</TextLink>
          </Detail>
        )}
        {session.urls.length > 0 && (
          <Detail label="URLs">
            <ul className={styles.urls}>
              {session.urls.map((url) => (
                <li key={url}>{url}</li>
              ))}
            </ul>
          </Detail>
        )}
      </dl>
    </section>
  );
}

/** Label and value of what is known; what is not known is left out. */
function factsOf(session: Session): Array<[string, string]> {
  const facts: Array<[string, string]> = [
    ['Session', session.sessionId],
    ['User', session.userId],
    ...Object.entries(session.userAttributes).map(([name, value]): [string, string] => [`User ${name}`, value]),
    ['Start', dateTimeFormat(session.start)],
    ['Duration', formatDuration(session.durationMs)],
    ['Release', session.release],
    ['Environment', session.environment],
    ['Country', countryOf(session)],
    ['Browser', session.userAgent],
  ];
  return facts.filter(([, value]) => value !== '');
}

const countryNames = new Intl.DisplayNames('en', { type: 'region' });

/** Its name, and its code, by which sessions are searched for. */
function countryOf({ country }: Session): string {
  return /^[A-Z]{2}$/.test(country) ? `${countryNames.of(country) ?? 'Unknown'} (${country})` : '';
}

function Detail({ label, children }: { label: string; children: React.ReactNode }) {
  const styles = useStyles2(getStyles);
  return (
    <div className={styles.detail}>
      <dt className={styles.label}>{label}</dt>
      <dd className={styles.value}>{children}</dd>
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  details: css({ margin: 0, display: 'grid', gap: theme.spacing(1) }),
  detail: css({ display: 'grid', gridTemplateColumns: `${theme.spacing(20)} 1fr`, gap: theme.spacing(2) }),
  label: css({ color: theme.colors.text.secondary, fontWeight: theme.typography.fontWeightRegular }),
  value: css({ margin: 0, overflowWrap: 'anywhere' }),
  urls: css({ margin: 0, padding: 0, listStyle: 'none' }),
});
