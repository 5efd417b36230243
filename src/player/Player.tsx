import React, { type KeyboardEvent, useEffect, useMemo, useRef, useState } from 'react';

import { cx } from '@emotion/css';
import { useStyles2 } from '@grafana/ui';

import { formatDuration } from '../shared/time';
import { Controls } from './controls/Controls';
import { keyCommand, keyIsTaken } from './controls/keyboard';
import { speedAfter } from './controls/speeds';
import { SidePanes } from './panes/SidePanes';
import type { RecordingSource } from './playback/api';
import { sessionBounds } from './playback/Playback';
import type { Playhead } from './playback/Playhead';
import { reduceStatus, type Status } from './playback/status';
import { getPlayerStyles, LOW_HEIGHT, NARROW_WIDTH } from './Player.styles';
import { AddressBar } from './stage/AddressBar';
import { Overlay } from './stage/Overlay';
import { Stage } from './stage/Stage';
import type { Telemetry } from './telemetry/api';
import { testIds } from './testIds';
import { gapsOf } from './timeline/lanes';
import { Timeline } from './timeline/Timeline';
import { useElementSize } from './useElementSize';
import { useFullScreen } from './useFullScreen';
import { useReplayer } from './useReplayer';

export interface PlayerProps {
  /** Must stay the same object while the same recordings are read: a new one starts anew. */
  source: RecordingSource;
  sessionId: string;
  /**
   * The instant to show first, ms since the epoch, server time. A change seeks there.
   * @default the session's start
   */
  at?: number;
  /**
   * The only window to show.
   * @default the one that the user looks at
   */
  windowId?: string;
  /** Called with the instant that is shown whenever it changes, while playing about five times a second. */
  onTimeChange?: (timestamp: number) => void;
  /**
   * Given what seeks, calls it with every instant that somebody points at elsewhere, until what it returns is called.
   * Must stay the same function.
   */
  follow?: (seek: (timestamp: number) => void) => () => void;
  /**
   * Where the session's traces and logs are read. Must stay the same object, as `source`.
   * @default nowhere
   */
  telemetry?: Telemetry;
  /** The address of an instant; with it there is a button that copies it. */
  linkTo?: (timestamp: number) => string;
  /**
   * CSS pixels.
   * @default the height of the element around the player
   */
  height?: number;
  className?: string;
}

const NO_TELEMETRY: Telemetry = { setUp: { text: 'Traces and logs are not connected to this page.' } };

/** Plays one session. It begins paused. */
export function Player({
  source,
  sessionId,
  at,
  windowId,
  onTimeChange,
  follow,
  telemetry = NO_TELEMETRY,
  linkTo,
  height,
  className,
}: PlayerProps) {
  const styles = useStyles2(getPlayerStyles);
  const player = useRef<HTMLDivElement>(null);
  const [root, setRoot] = useState<HTMLElement>();
  const [refused, setRefused] = useState<Error>();
  const [choosesPanes, setChoosesPanes] = useState<boolean>();
  const size = useElementSize(player) ?? { width: Infinity, height: Infinity };
  // Explore gives a panel 400 px: the picture comes first then.
  const isLow = size.height < LOW_HEIGHT;
  // Shown at first where there is room for them beside the picture.
  const showsPanes = choosesPanes ?? (size.width > NARROW_WIDTH && !isLow);
  const fullScreen = useFullScreen(player);
  const replayer = useReplayer({ source, sessionId, at, windowId, root });
  const { playhead, seek } = replayer;
  const state = refused ? reduceStatus(replayer.state, { type: 'fail', error: refused }) : replayer.state;
  const { manifest, windowId: shownWindow, foundGaps } = state;
  const { start, end } = useMemo(() => (manifest ? sessionBounds(manifest) : { start: 0, end: 0 }), [manifest]);
  const gaps = useMemo(
    () => (manifest ? gapsOf(manifest, foundGaps, shownWindow) : []),
    [manifest, foundGaps, shownWindow]
  );
  usePublishedTime(player, playhead, onTimeChange);
  useEffect(() => follow?.(seek), [follow, seek]);

  const toggle = () => (state.wantsToPlay ? replayer.pause() : replayer.play());
  const seekBy = (byMs: number) => replayer.seek(playhead.timestamp() + byMs);
  const handleKey = (event: KeyboardEvent<HTMLDivElement>) => {
    const command = keyCommand(event);
    if (
      !command ||
      event.defaultPrevented ||
      !(event.target instanceof HTMLElement) ||
      keyIsTaken(event.key, event.target)
    ) {
      return;
    }
    event.preventDefault();
    switch (command.type) {
      case 'toggle':
        return toggle();
      case 'seek':
        return seekBy(command.byMs);
      case 'speed':
        return replayer.setSpeed(speedAfter(replayer.speed, command.steps));
      case 'fullScreen':
        return fullScreen.toggle();
    }
  };

  return (
    // The keys are those of any video player; every one of them has a control that can be focused as well.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <div
      ref={player}
      role="region"
      aria-label="Session replay"
      className={cx(styles.player, className)}
      style={height === undefined ? undefined : { height }}
      // Focusable, so that the keys work after a click on the picture.
      tabIndex={-1}
      onKeyDown={handleKey}
      data-testid={testIds.player}
      data-status={state.status}
    >
      <div className={styles.body}>
        <div className={styles.main}>
          {manifest && (!isLow || manifest.windows.length > 1) && (
            <AddressBar
              manifest={manifest}
              playhead={playhead}
              windowId={state.windowId}
              pinned={replayer.pinned}
              size={state.size}
              onPin={replayer.pin}
            />
          )}
          <Stage size={state.size} onRoot={setRoot} onRefused={setRefused}>
            <Overlay state={state} playhead={playhead} gaps={gaps} onRetry={replayer.retry} onReplay={replayer.play} />
          </Stage>
        </div>
        {manifest && showsPanes && (
          <div className={styles.side}>
            <SidePanes
              source={source}
              manifest={manifest}
              telemetry={telemetry}
              start={start}
              end={end}
              playhead={playhead}
              onSeek={replayer.seek}
            />
          </div>
        )}
      </div>
      {manifest && (
        <div className={styles.bottom}>
          <Timeline
            manifest={manifest}
            start={start}
            end={end}
            gaps={gaps}
            playhead={playhead}
            folded={isLow}
            onSeek={replayer.seek}
          />
          <Controls
            status={state.status}
            wantsToPlay={state.wantsToPlay}
            playhead={playhead}
            start={start}
            end={end}
            speed={replayer.speed}
            skipsInactivity={replayer.skipsInactivity}
            showsPanes={showsPanes}
            isFullScreen={fullScreen.isOn}
            linkTo={linkTo}
            onToggle={toggle}
            onSeekBy={seekBy}
            onSpeed={replayer.setSpeed}
            onSkipInactivity={replayer.setSkipsInactivity}
            onShowPanes={() => setChoosesPanes(!showsPanes)}
            onFullScreen={fullScreen.toggle}
          />
        </div>
      )}
      <div className={styles.spoken} role="status">
        {spokenStatus(state.status, playhead.timestamp() - start)}
      </div>
    </div>
  );
}

/** Writes the playhead where a test can read it and tells the caller, without rendering. */
function usePublishedTime(
  player: React.RefObject<HTMLElement>,
  playhead: Playhead,
  onTimeChange: ((timestamp: number) => void) | undefined
): void {
  const listener = useRef(onTimeChange);
  useEffect(() => {
    listener.current = onTimeChange;
  }, [onTimeChange]);
  useEffect(
    () =>
      playhead.subscribe(() => {
        player.current?.setAttribute('data-timestamp', String(playhead.timestamp()));
        listener.current?.(playhead.timestamp());
      }),
    [player, playhead]
  );
}

function spokenStatus(status: Status, offsetMs: number): string {
  switch (status) {
    case 'loading':
      return 'Loading the recording';
    case 'buffering':
      return 'Loading';
    case 'playing':
      return 'Playing';
    case 'paused':
      return `Paused at ${formatDuration(offsetMs)}`;
    case 'ended':
      return 'The recording has ended';
    case 'error':
      return ''; // The message itself is an alert.
  }
}
