import React from 'react';

import { EmptyState, LinkButton } from '@grafana/ui';

import { DATASOURCE_ID } from '../shared/pluginIds';
import { hrefOf } from '../shared/addresses';

export function NoDatasource() {
  return (
    <EmptyState
      variant="call-to-action"
      hideImage
      message="No Playhead data source yet"
      button={
        <LinkButton icon="plus" href={hrefOf(`/connections/datasources/${DATASOURCE_ID}`)}>
          Add a data source
        </LinkButton>
      }
    >
      Sessions are read through a data source of type Playhead. Add one, or ask an administrator to.
    </EmptyState>
  );
}
