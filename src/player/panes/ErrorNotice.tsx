import React from 'react';

import { Button } from '@grafana/ui';

import { Notice } from './Notice';

/** Something could not be read; the user can try again. */
export function ErrorNotice({ title, error, onRetry }: { title: string; error: string; onRetry: () => void }) {
  return (
    <Notice title={title} isError>
      <p>{error}</p>
      <RetryButton onRetry={onRetry} />
    </Notice>
  );
}

export function RetryButton({ onRetry }: { onRetry: () => void }) {
  return (
    <Button size="sm" variant="secondary" icon="sync" onClick={onRetry}>
      Try again
    </Button>
  );
}
