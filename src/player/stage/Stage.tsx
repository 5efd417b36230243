import React, { type ReactNode, useRef } from 'react';

import { css } from '@emotion/css';
import type { GrafanaTheme2 } from '@grafana/data';
import { useStyles2 } from '@grafana/ui';

import { SEALED_DOCUMENT, SEALED_SANDBOX, sealedRoot } from '../replayer/sealedFrame';
import type { Size } from '../replayer/Replay';
import { testIds } from '../testIds';
import { useElementSize } from '../useElementSize';

interface Props {
  /** Size of the recorded viewport, CSS pixels. */
  size: Size | undefined;
  /** Called once the sealed frame is there. */
  onRoot: (root: HTMLElement) => void;
  onRefused: (error: Error) => void;
  /** Lies over the picture. */
  children?: ReactNode;
}

const UNKNOWN_SIZE: Size = { width: 1280, height: 720 };

/** The recorded page, scaled to fit. */
export function Stage({ size, onRoot, onRefused, children }: Props) {
  const styles = useStyles2(getStyles);
  const stage = useRef<HTMLDivElement>(null);
  const room = useElementSize(stage) ?? UNKNOWN_SIZE;
  const { width, height } = size ?? UNKNOWN_SIZE;
  const scale = Math.min(room.width / width, room.height / height, 1);

  const loaded = (event: React.SyntheticEvent<HTMLIFrameElement>) => {
    try {
      onRoot(sealedRoot(event.currentTarget));
    } catch (error) {
      onRefused(error instanceof Error ? error : new Error(String(error)));
    }
  };

  return (
    <div className={styles.stage} ref={stage}>
      <div
        className={styles.picture}
        style={{ width: width * scale, height: height * scale, visibility: size ? 'visible' : 'hidden' }}
      >
        <iframe
          title="Replayed page"
          data-testid={testIds.frame}
          className={styles.frame}
          style={{ width, height, transform: `scale(${scale})` }}
          sandbox={SEALED_SANDBOX}
          srcDoc={SEALED_DOCUMENT}
          tabIndex={-1}
          onLoad={loaded}
        />
      </div>
      {children}
    </div>
  );
}

const getStyles = (theme: GrafanaTheme2) => ({
  stage: css({
    position: 'relative',
    flex: 1,
    minWidth: 0,
    minHeight: 0,
    display: 'flex',
    alignItems: 'center',
    justifyContent: 'center',
    overflow: 'hidden',
    padding: theme.spacing(1),
    background: theme.colors.background.canvas,
  }),
  picture: css({ flex: 'none', overflow: 'hidden', boxShadow: theme.shadows.z2 }),
  frame: css({
    display: 'block',
    border: 0,
    background: '#fff',
    transformOrigin: '0 0',
    // The recorded page is looked at, never used.
    pointerEvents: 'none',
    // A dark page must not make the frame of a light recording dark.
    colorScheme: 'light',
  }),
});
