import type { GrafanaTheme2 } from '@grafana/data';

import type { MomentGroup } from './describe';
import type { Severity } from './severity';

/** One colour per group, the same in the timeline and in the list. */
export function momentColors({ colors, visualization }: GrafanaTheme2): Record<MomentGroup | 'activity', string> {
  const named = (name: string) => visualization.getColorByName(name);
  return {
    activity: colors.border.strong,
    navigation: named('green'),
    action: named('purple'),
    request: named('blue'),
    text: named('super-light-blue'),
    error: named('red'),
    signal: named('orange'),
    other: colors.text.disabled,
  };
}

/** Colours of what is shown as bad, the same in every pane. */
export function severityColors(theme: GrafanaTheme2): Record<Severity, string> {
  const { error, signal } = momentColors(theme);
  return { error, warning: signal, info: theme.colors.border.strong };
}
