import React, { lazy, Suspense } from 'react';

import { AppPlugin, PluginExtensionPoints } from '@grafana/data';

import { alertLink, exploreLink, logLink, paletteLink, panelLink, spanLink } from './app/extensions/links';
import type { Trace } from './app/extensions/traces';
import type { AppSettings } from './app/settings';

// Grafana shows its own placeholder while these load, so the first bytes of the app stay few.
const App = lazy(() => import('./app/App').then((module) => ({ default: module.App })));
const ConfigPage = lazy(() => import('./app/ConfigPage').then((module) => ({ default: module.ConfigPage })));
const TraceReplayButton = lazy(() =>
  import('./app/extensions/TraceReplayButton').then((module) => ({ default: module.TraceReplayButton }))
);

// What follows is in plugin.json too, because Grafana loads the app only for the extension points that are named there.
export const plugin = new AppPlugin<AppSettings>()
  .setRootPage(App)
  .addConfigPage({ id: 'configuration', title: 'Configuration', icon: 'cog', body: ConfigPage })
  .addComponent<Trace>({
    title: 'Session replay of the trace',
    description: 'Opens the replay of the browser session at the time of this trace',
    targets: PluginExtensionPoints.TraceViewHeaderActions,
    component: (trace) => (
      <Suspense fallback={null}>
        <TraceReplayButton {...trace} />
      </Suspense>
    ),
  })
  .addLink(spanLink)
  .addLink(logLink)
  .addLink(exploreLink)
  .addLink(panelLink)
  .addLink(alertLink)
  .addLink(paletteLink);
