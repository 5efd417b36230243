import React from 'react';

import { Alert, Button, Stack } from '@grafana/ui';

interface Props {
  title: string;
  /** Why, as the server says it. */
  error: string;
  onRetry: () => void;
}

/** Something could not be read; the user can try again. */
export function RetryAlert({ title, error, onRetry }: Props) {
  return (
    <Alert severity="error" title={title}>
      <Stack direction="column" gap={1} alignItems="flex-start">
        <span>{error}</span>
        <Button variant="secondary" size="sm" icon="sync" onClick={onRetry}>
          Try again
        </Button>
      </Stack>
    </Alert>
  );
}
