import { ShownTraces } from './traces';

/** Of this Grafana window: the header of a trace and the rows of its spans are drawn apart from each other. */
export const shownTraces = new ShownTraces();
