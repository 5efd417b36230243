import React from 'react';

import { LinkButton } from '@grafana/ui';

import type { Telemetry } from '../telemetry/api';
import { Notice } from './Notice';

/** There is no backend to read from: says how to name one. */
export function SetUpNotice({ title, setUp }: { title: string; setUp: Telemetry['setUp'] }) {
  return (
    <Notice title={title}>
      <p>{setUp.text}</p>
      {setUp.href && (
        <LinkButton size="sm" variant="secondary" icon="cog" href={setUp.href}>
          Open settings
        </LinkButton>
      )}
    </Notice>
  );
}
