import { type Options, resolveOptions } from './options';
import { Recorder } from './recorder';
import { type User } from './wire';

/** What a page can ask of its recorder. Nothing of it ever throws. */
export interface PlayheadApi {
  start(options: Options): void;
  stop(): void;
  identify(user: User): void;
  track(name: string, attributes?: Record<string, unknown>): void;
  sessionId(): string | undefined;
}

/** At most one recorder runs at a time; after `stop` another one can start. */
export function createApi(): PlayheadApi {
  let recorder: Recorder | undefined;

  const safely = <T>(fn: () => T): T | undefined => {
    try {
      return fn();
    } catch (error) {
      console.warn('playhead:', error instanceof Error ? error.message : error);
      return undefined;
    }
  };

  return {
    start: (options) =>
      safely(() => {
        if (!recorder) {
          const next = new Recorder(resolveOptions(options));
          try {
            next.start();
          } catch (error) {
            next.stop();
            throw error;
          }
          recorder = next;
        }
      }),
    stop: () =>
      safely(() => {
        const previous = recorder;
        recorder = undefined;
        previous?.stop();
      }),
    identify: (user) => safely(() => recorder?.identify(user)),
    track: (name, attributes) => safely(() => recorder?.track(name, attributes)),
    sessionId: () => safely(() => recorder?.sessionId()),
  };
}
