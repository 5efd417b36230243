import type { GrafanaTheme2 } from '@grafana/data';

import type { MomentGroup } from './describe';

/** One colour per group, the same in the timeline and in the list. */
export function momentColors({ colors, visualization }: GrafanaTheme2): Record<MomentGroup | 'activity', string> {
  const named = (name: string) => visualization.getColorByName(name);
  return {
    activity: colors.border.strong,
    navigation: named('green'),
    click: named('purple'),
    request: named('blue'),
    error: named('red'),
    other: named('orange'),
  };
}
