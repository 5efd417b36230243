import { lazy } from 'react';

import { AppPlugin } from '@grafana/data';

import type { AppSettings } from './app/settings';

// Grafana shows its own placeholder while these load, so the first bytes of the app stay few.
const App = lazy(() => import('./app/App').then((module) => ({ default: module.App })));
const ConfigPage = lazy(() => import('./app/ConfigPage').then((module) => ({ default: module.ConfigPage })));

export const plugin = new AppPlugin<AppSettings>().setRootPage(App).addConfigPage({
  id: 'configuration',
  title: 'Configuration',
  icon: 'cog',
  body: ConfigPage,
});
