import React from 'react';

import { Box, LoadingPlaceholder } from '@grafana/ui';

/** In the middle of where the answer will be, so that it does not look like one. */
export function Loading({ text }: { text: string }) {
  return (
    <Box display="flex" justifyContent="center" paddingY={8}>
      <LoadingPlaceholder text={text} />
    </Box>
  );
}
