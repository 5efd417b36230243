import React, { useEffect, useState } from 'react';

import { css } from '@emotion/css';
import { dateTimeFormat, type GrafanaTheme2 } from '@grafana/data';
import { EmptyState, LinkButton, useStyles2 } from '@grafana/ui';

import { hrefOf, sessionsPath } from '../shared/addresses';
import { type Absence, explainAbsence } from './absence';
import type { Wanted } from './recordings';

interface Props {
  wanted: Wanted;
  datasourceUids: string[];
}

/** Says why there is no recording, as far as that can be known. */
export function NoRecording({ wanted, datasourceUids }: Props) {
  const styles = useStyles2(getStyles);
  const { sessionId, traceId } = wanted;
  const [absence, setAbsence] = useState<Absence>();

  useEffect(() => {
    let current = true;
    void explainAbsence({ sessionId, traceId }, datasourceUids).then((found) => current && setAbsence(found));
    return () => {
      current = false;
    };
  }, [sessionId, traceId, datasourceUids]);

  return (
    <EmptyState
      variant="not-found"
      hideImage
      message="No recording of this session"
      button={
        <LinkButton variant="secondary" href={hrefOf(sessionsPath)}>
          All sessions
        </LinkButton>
      }
    >
      {absence && <p>{absence.reason}</p>}
      <dl className={styles.facts}>
        {sessionId && <Fact label="Session">{sessionId}</Fact>}
        {traceId && <Fact label="Trace">{traceId}</Fact>}
        {absence?.began !== undefined && <Fact label="Began">{dateTimeFormat(absence.began)}</Fact>}
      </dl>
    </EmptyState>
  );
}

function Fact({ label, children }: React.PropsWithChildren<{ label: string }>) {
  return (
    <>
      <dt>{label}</dt>
      <dd>
        <code>{children}</code>
      </dd>
    </>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  facts: css({
    display: 'inline-grid',
    gridTemplateColumns: 'auto auto',
    gap: theme.spacing(0.5, 2),
    textAlign: 'left',
    dd: { margin: 0 },
  }),
});
