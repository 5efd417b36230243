import type { GrafanaTheme2 } from '@grafana/data';

import { formatDuration } from '../../shared/time';
import { momentColors, severityColors } from '../moments/colors';
import type { Gap } from '../playback/api';
import { axisOffsets } from './axis';
import { LANES, type LaneId, positionOf, type Scale, type Tick } from './lanes';

export const LANE_HEIGHT = 14;
const AXIS_HEIGHT = 18;
export const ACTIVITY_COLUMN = 3;

const LABEL_SPACING = 72;
const TICK_WIDTH = 2;
/** From its middle to a corner. */
const DIAMOND = 5;

/** Which lanes share a row, top to bottom. */
export type Rows = LaneId[][];

/** Every lane has its own row. */
export const UNFOLDED: Rows = LANES.map(({ id }) => [id]);

/** All lanes lie on one row, for a player with little height; errors and signals are drawn last, on top. */
export const FOLDED: Rows = [LANES.map(({ id }) => id)];

export const lanesHeight = (rows: Rows) => rows.length * LANE_HEIGHT;
export const timelineHeight = (rows: Rows) => lanesHeight(rows) + AXIS_HEIGHT;

export interface Drawing {
  rows: Rows;
  scale: Scale;
  ticks: Record<LaneId, Tick[]>;
  activity: number[];
  gaps: Gap[];
  theme: GrafanaTheme2;
}

/** Draws everything but the playhead, which moves on its own. */
export function drawTimeline(canvas: HTMLCanvasElement, drawing: Drawing): void {
  const context = canvas.getContext('2d');
  if (!context) {
    return;
  }
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(drawing.scale.width * ratio);
  canvas.height = Math.round(timelineHeight(drawing.rows) * ratio);
  context.scale(ratio, ratio);
  drawLanes(context, drawing);
  drawActivity(context, drawing);
  drawTicks(context, drawing);
  drawGaps(context, drawing);
  drawAxis(context, drawing);
}

function drawLanes(context: CanvasRenderingContext2D, { rows, scale, theme }: Drawing): void {
  context.fillStyle = theme.colors.border.weak;
  rows.forEach((_, index) => context.fillRect(0, (index + 1) * LANE_HEIGHT - 1, scale.width, 1));
}

function drawActivity(context: CanvasRenderingContext2D, { activity, theme }: Drawing): void {
  context.fillStyle = momentColors(theme).activity;
  activity.forEach((share, column) => {
    const height = share > 0 ? Math.max(1.5, share * (LANE_HEIGHT - 3)) : 0;
    context.fillRect(column * ACTIVITY_COLUMN, LANE_HEIGHT - 1 - height, ACTIVITY_COLUMN, height);
  });
}

function drawTicks(context: CanvasRenderingContext2D, { rows, ticks, theme }: Drawing): void {
  const colors = momentColors(theme);
  rows.forEach((lanes, index) => {
    for (const id of lanes) {
      for (const tick of ticks[id]) {
        context.fillStyle = tick.grave ? severityColors(theme).error : colors[id];
        if (id === 'signal') {
          drawDiamond(context, tick.x, index * LANE_HEIGHT + (LANE_HEIGHT - 1) / 2);
        } else {
          context.fillRect(tick.x - TICK_WIDTH / 2, index * LANE_HEIGHT + 3, TICK_WIDTH, LANE_HEIGHT - 6);
        }
      }
    }
  });
}

/** Signals are few and matter most: their mark is larger than a tick, and has another shape for who sees no colours. */
function drawDiamond(context: CanvasRenderingContext2D, x: number, y: number): void {
  context.beginPath();
  context.moveTo(x, y - DIAMOND);
  context.lineTo(x + DIAMOND, y);
  context.lineTo(x, y + DIAMOND);
  context.lineTo(x - DIAMOND, y);
  context.closePath();
  context.fill();
}

function drawGaps(context: CanvasRenderingContext2D, { rows, gaps, scale, theme }: Drawing): void {
  const height = lanesHeight(rows);
  for (const gap of gaps) {
    const x = positionOf(gap.start, scale);
    const width = Math.max(4, positionOf(gap.end, scale) - x);
    context.save();
    context.beginPath();
    context.rect(x, 0, width, height);
    context.clip();
    context.fillStyle = theme.colors.background.primary;
    context.fillRect(x, 0, width, height);
    context.fillStyle = theme.colors.warning.transparent;
    context.fillRect(x, 0, width, height);
    context.strokeStyle = theme.colors.warning.main;
    context.globalAlpha = 0.6;
    context.beginPath();
    for (let line = x - height; line < x + width; line += 6) {
      context.moveTo(line, height);
      context.lineTo(line + height, 0);
    }
    context.stroke();
    context.restore();
  }
}

function drawAxis(context: CanvasRenderingContext2D, { rows, scale, theme }: Drawing): void {
  context.font = `11px ${theme.typography.fontFamily}`;
  context.textBaseline = 'bottom';
  for (const offset of axisOffsets(scale.end - scale.start, scale.width, LABEL_SPACING)) {
    const x = Math.round(positionOf(scale.start + offset, scale));
    const label = formatDuration(offset);
    const width = context.measureText(label).width;
    context.fillStyle = theme.colors.border.medium;
    context.fillRect(Math.min(x, scale.width - 1), lanesHeight(rows), 1, 4);
    context.fillStyle = theme.colors.text.secondary;
    context.fillText(label, Math.min(scale.width - width, Math.max(0, x - width / 2)), timelineHeight(rows));
  }
}
