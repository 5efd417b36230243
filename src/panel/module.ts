import { PanelPlugin } from '@grafana/data';

import { ReplayPanel } from './ReplayPanel';

export const plugin = new PanelPlugin(ReplayPanel).setNoPadding();
