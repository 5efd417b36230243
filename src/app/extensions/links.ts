import {
  type IconName,
  locationUtil,
  type PluginExtensionAddedLinkConfig,
  type PluginExtensionEventHelpers,
  type PluginExtensionPanelContext,
  PluginExtensionPoints,
  type RawTimeRange,
} from '@grafana/data';
import { getTemplateSrv, locationService } from '@grafana/runtime';

import { replayPath, type ReplayTarget, sessionsPath } from '../../shared/addresses';
import { recordings } from '../lookUp';
import { type Attributes, readInstant, readSessionId, readTraceId } from './attributes';
import { wantedByQueries } from './queries';
import { shownTraces } from './shown';

// Titles and targets are in plugin.json too: Grafana matches them.

type AddedLink<Context extends object> = PluginExtensionAddedLinkConfig<Context>;

const icon: IconName = 'play';
const category = 'Playhead';

/** A span's attributes; what comes after datasource is told by later versions of Grafana only. */
interface SpanContext {
  attributes?: Attributes;
  spanAttributes?: Attributes;
  datasource?: { uid: string; type: string };
  traceID?: string;
  spanID?: string;
  /** µs since the epoch. */
  spanStartTime?: number;
}

interface LogContext {
  attributes?: Attributes;
}

interface ExploreContext {
  targets?: unknown[];
  timeRange?: RawTimeRange;
}

interface AlertContext {
  instance?: { labels?: Record<string, string>; activeAt?: string };
}

/** The link on a span's attribute with the session id. */
export const spanLink: AddedLink<SpanContext> = {
  title: 'Session replay of the span',
  description: 'Replay of the browser session at the time of this span',
  targets: PluginExtensionPoints.TraceViewResourceAttributes,
  icon,
  ...attributeLink<SpanContext>(
    (context) => readSessionId(context.spanAttributes, context.attributes),
    (context) => placeOf(context)
  ),
};

const MICROSECONDS_PER_MS = 1000;

function placeOf({ traceID, spanStartTime, spanAttributes = {} }: SpanContext) {
  const shown = shownTraces.placeOf(spanAttributes);
  return {
    traceId: traceID ?? shown.traceId,
    at: spanStartTime ? spanStartTime / MICROSECONDS_PER_MS : shown.at,
  };
}

/** The link on a log line's label with the session id. */
export const logLink: AddedLink<LogContext> = {
  title: 'Session replay of the log line',
  description: 'Replay of the browser session at the time of this log line',
  targets: PluginExtensionPoints.LogsViewResourceAttributes,
  icon,
  ...attributeLink<LogContext>(
    ({ attributes }) => readSessionId(attributes),
    ({ attributes }) => ({ traceId: readTraceId(attributes)?.id, at: readInstant(attributes) })
  ),
};

/**
 * A link that Grafana puts on the row of the attribute that category names. Its path is the plain href of the row, and
 * wrong where Grafana is served under a path; so a click opens the address itself. It is also only then that the
 * instant is looked up, which may not be known yet when the row is drawn.
 */
function attributeLink<Context extends object>(
  sessionOf: (context: Context) => { key: string; id: string } | undefined,
  restOf: (context: Context) => Omit<ReplayTarget, 'sessionId'>
): Pick<AddedLink<Context>, 'path' | 'configure' | 'onClick'> {
  return {
    path: replayPath({}),
    configure: (context) => {
      const session = context && sessionOf(context);
      if (!session || recordings.isKnownAbsent({ sessionId: session.id })) {
        return undefined;
      }
      // Grafana 12 and 13 place the link by the category, whatever else they say of it.
      return { path: replayPath({ sessionId: session.id }), category: session.key };
    },
    onClick: (event, { context }: PluginExtensionEventHelpers<Context>) => {
      const session = context && sessionOf(context);
      if (session) {
        event?.preventDefault();
        openTab(replayPath({ sessionId: session.id, ...restOf(context) }));
      }
    },
  };
}

/** In Explore's toolbar: the replay of the session or trace that is asked for, else the sessions of the time range. */
export const exploreLink: AddedLink<ExploreContext> = {
  title: 'Find session replays',
  description: 'Replays of the sessions that these queries are about',
  targets: PluginExtensionPoints.ExploreToolbarAction,
  icon,
  configure: (context) => ({ title: titleOf(wantedByQueries(context?.targets)), category }),
  onClick: (_, { context }) => go(pathOf(wantedByQueries(context?.targets), context?.timeRange)),
};

/** The same in the menu of a dashboard's panel. */
export const panelLink: AddedLink<PluginExtensionPanelContext> = {
  title: 'Find session replays of the panel',
  description: 'Replays of the sessions that this panel is about',
  targets: PluginExtensionPoints.DashboardPanelMenu,
  icon,
  configure: (context) => ({ title: titleOf(wantedByPanel(context)), category }),
  onClick: (_, { context }) => go(pathOf(wantedByPanel(context), context?.timeRange)),
};

function wantedByPanel(context?: Readonly<PluginExtensionPanelContext>): ReplayTarget {
  return wantedByQueries(context?.targets, (text) => getTemplateSrv().replace(text, context?.scopedVars));
}

function titleOf(wanted: ReplayTarget): string {
  return isNamed(wanted) ? 'Open session replay' : 'Find session replays';
}

/** On an instance of an alert: the replay that its labels name, else the sessions of its time and labels. */
export const alertLink: AddedLink<AlertContext> = {
  title: 'Session replays of the alert',
  description: 'Replays of the sessions that this alert is about',
  targets: PluginExtensionPoints.AlertInstanceAction,
  icon,
  configure: () => ({}),
  onClick: (_, { context }) => go(pathOfAlert(context)),
};

// Long enough for a rule's interval and its pending period.
const BEFORE_ALERT_MS = 30 * 60_000;

function pathOfAlert(context?: Readonly<AlertContext>): string {
  const labels = context?.instance?.labels ?? {};
  const activeAt = Date.parse(context?.instance?.activeAt ?? '');
  const attributes = Object.fromEntries(Object.entries(labels).map(([key, value]) => [key, [value]]));
  const wanted = { sessionId: readSessionId(attributes)?.id, traceId: readTraceId(attributes)?.id };
  if (isNamed(wanted)) {
    return replayPath(wanted);
  }
  const params = new URLSearchParams();
  if (Number.isFinite(activeAt)) {
    params.set('from', String(activeAt - BEFORE_ALERT_MS));
  }
  for (const field of ['url', 'user']) {
    if (labels[field]) {
      params.set(field, labels[field]);
    }
  }
  const search = ['release', 'signal'].filter((key) => labels[key]).map((key) => `${key}:${quoted(labels[key])}`);
  if (search.length > 0) {
    params.set('q', search.join(' '));
  }
  return `${sessionsPath}?${params}`;
}

export const paletteLink: AddedLink<object> = {
  title: 'Find session replays by user, URL or error',
  description: 'The list of recorded sessions',
  targets: PluginExtensionPoints.CommandPalette,
  icon,
  configure: () => ({ category }),
  onClick: () => go(sessionsPath),
};

function isNamed({ sessionId, traceId }: ReplayTarget): boolean {
  return sessionId !== undefined || traceId !== undefined;
}

function pathOf(wanted: ReplayTarget, range?: RawTimeRange): string {
  if (isNamed(wanted)) {
    return replayPath(wanted);
  }
  const params = new URLSearchParams();
  if (range) {
    params.set('from', String(range.from.valueOf()));
    params.set('to', String(range.to.valueOf()));
  }
  return `${sessionsPath}?${params}`;
}

/** In the same tab: locationService knows the path under which Grafana is served. */
/** A value of the search language (docs/format/playback.md). */
function quoted(value: string): string {
  return /^[\w.-]+$/.test(value) ? value : `"${value.replaceAll(/["\\]/g, '\\$&')}"`;
}

function go(path: string) {
  locationService.push(path);
}

/** Beside what the user is looking at, as Grafana does with links of spans and lines. */
function openTab(path: string) {
  window.open(locationUtil.assureBaseUrl(path), '_blank', 'noopener');
}
