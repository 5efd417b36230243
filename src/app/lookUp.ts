import { grafanaFetch, resourceUrl } from '../shared/resources';
import { Recordings } from './recordings';

/** Of this Grafana window: what one view has found out, the next need not ask. */
export const recordings = new Recordings((datasourceUid, path) => grafanaFetch(resourceUrl(datasourceUid, path)));
