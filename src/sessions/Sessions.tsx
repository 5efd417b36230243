import React from 'react';

import { Button, EmptyState, Stack } from '@grafana/ui';

import type { Session } from '../shared/session';
import type { ListSessions } from './api';
import { defaultFilters, isFiltered, type SessionFilters } from './filters';
import { Loading } from './Loading';
import { RetryAlert } from './RetryAlert';
import { SessionFilterBar } from './SessionFilterBar';
import { SessionsTable } from './SessionsTable';
import { useSessions } from './useSessions';

interface Props {
  list: ListSessions;
  filters: SessionFilters;
  onFiltersChange: (filters: SessionFilters) => void;
  /** Address of the page that plays a session. */
  hrefOf: (session: Session) => string;
}

/** The list of sessions with its filters. Filters belong to the caller, who keeps them in the address of the page. */
export function Sessions({ list, filters, onFiltersChange, hrefOf }: Props) {
  const found = useSessions(list, filters);
  return (
    <Stack direction="column" gap={2}>
      <SessionFilterBar filters={filters} onChange={onFiltersChange} />
      {found.status === 'error' && (
        <RetryAlert
          title="The sessions could not be read"
          error={found.error}
          onRetry={found.sessions.length > 0 ? found.loadMore : found.reload}
        />
      )}
      {found.status === 'loading' && <Loading text="Reading sessions…" />}
      {found.status === 'ready' && found.sessions.length === 0 && (
        <NoSessions filters={filters} onFiltersChange={onFiltersChange} />
      )}
      {found.sessions.length > 0 && <SessionsTable sessions={found.sessions} hrefOf={hrefOf} />}
      {found.next !== '' && (
        <div>
          <Button variant="secondary" disabled={found.status === 'loading-more'} onClick={found.loadMore}>
            {found.status === 'loading-more' ? 'Loading…' : 'Load more'}
          </Button>
        </div>
      )}
    </Stack>
  );
}

function NoSessions({ filters, onFiltersChange }: Pick<Props, 'filters' | 'onFiltersChange'>) {
  if (!isFiltered(filters)) {
    return (
      <EmptyState variant="not-found" hideImage message="No sessions in this time range">
        Choose a longer time range. If there should be some, check that the recorder&apos;s script tag is on your pages.
      </EmptyState>
    );
  }
  const clear = () => onFiltersChange({ ...defaultFilters, from: filters.from, to: filters.to });
  return (
    <EmptyState
      variant="not-found"
      hideImage
      message="No session matches"
      button={
        <Button variant="secondary" onClick={clear}>
          Clear filters
        </Button>
      }
    >
      Remove a filter or choose a longer time range.
    </EmptyState>
  );
}
